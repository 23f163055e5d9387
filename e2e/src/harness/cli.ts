/**
 * The `headgate` command as its users run it: the bin, in a folder of their own, without a terminal.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { ROOT } from './program.ts'

export interface CliRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  /** Working directory: where `.headgate` is looked for. */
  readonly directory: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard input; default: none. */
  readonly input?: string
  /** Longest run, in milliseconds. */
  readonly timeoutMs?: number
}

/** Runs the command to its end. A code other than 0 is a result, not an error. */
export function headgate(args: readonly string[], options: CliOptions): Promise<CliRun> {
  return launch(process.execPath, [`${ROOT}cli/bin/headgate.js`, ...args], options, false).done
}

/** What runs in the shell after a line was pasted. Disposing ends it, with everything that it started. */
export interface Pasted extends AsyncDisposable {
  readonly done: Promise<CliRun>
}

/** Runs a line as somebody pastes it into a shell; `npx headgate` is the bin of this checkout there. */
export function paste(line: string, options: CliOptions): Pasted {
  const command = `'${process.execPath}' '${ROOT}cli/bin/headgate.js'`
  const { child, done } = launch('sh', ['-c', line.replaceAll(/npx headgate\b/g, command)], options, true)
  done.catch(() => {})
  const signal = (name: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name)
    } catch {
      // Gone already.
    }
  }
  const kill = (): void => signal('SIGKILL')
  process.once('exit', kill)
  return {
    done,
    async [Symbol.asyncDispose]() {
      signal('SIGTERM')
      await done
      process.off('exit', kill)
    },
  }
}

function launch(program: string, args: readonly string[], options: CliOptions, group: boolean) {
  const { directory, env = {}, input, timeoutMs = 90_000 } = options
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env
  const child = spawn(program, args, {
    cwd: directory,
    env: { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    detached: group,
  })
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin?.end(input)
  const done = new Promise<CliRun>((settle, reject) => {
    child.once('error', reject)
    child.once('close', (code) => settle({ code, stdout, stderr }))
  })
  return { child, done }
}

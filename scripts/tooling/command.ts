/**
 * Runs the installed packages' commands on the pinned Node, whatever Node the system has.
 *
 * @module
 */
import { delimiter, join } from 'node:path'
import { spawn } from 'node:child_process'
import { BIN, ROOT } from './paths.ts'

/** What a finished command left behind. `output` holds both streams in order of arrival. */
export type CommandResult = { readonly code: number; readonly output: string; readonly stdout: string }

/** The environment of this process with the installed commands first on PATH. */
export function toolEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${BIN}${delimiter}${process.env['PATH'] ?? ''}`, ...extra }
}

/**
 * Runs one command of an installed package and collects what it prints.
 *
 * @param name file in `node_modules/.bin`, such as `buf`
 * @returns also when the command failed: look at `code`. Rejects only when it could not be started.
 */
export function command(
  name: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<CommandResult> {
  // npm writes `.cmd` files on Windows, which only a shell can start.
  const windows = process.platform === 'win32'
  const child = spawn(join(BIN, windows ? `${name}.cmd` : name), args, {
    cwd: join(ROOT, options.cwd ?? '.'),
    env: toolEnvironment(options.env),
    shell: windows,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const all: Buffer[] = []
  const out: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => {
    all.push(chunk)
    out.push(chunk)
  })
  child.stderr.on('data', (chunk: Buffer) => all.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve({ code: code ?? 1, output: Buffer.concat(all).toString(), stdout: Buffer.concat(out).toString() })
    })
  })
}

/** Like `command`, but a failure throws with everything that the command printed. */
export async function commandOrThrow(...parameters: Parameters<typeof command>): Promise<CommandResult> {
  const result = await command(...parameters)
  if (result.code !== 0) {
    const [name, args] = parameters
    throw new Error(`${name} ${args.join(' ')} failed with code ${result.code}\n${result.output}`)
  }
  return result
}

/**
 * `npm run dev`: `npm start` that starts again when a source file changes.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './tooling/paths.ts'
import { toolEnvironment } from './tooling/command.ts'

const WATCHED = ['proto', 'core', 'kit', 'admin-api', 'prisma', 'agent', 'control-plane', 'cli', 'web-ui']

/** Sources only: what a build, a test run or the generator writes must not start everything again. */
const SOURCE =
  /^(?!.*(?:^|[/\\])(?:dist|generated|gen|node_modules)[/\\]).*(?<!\.test)\.(?:ts|tsx|css|html|prisma|proto|sql)$/

/** Editors write a file in several steps, and a branch change writes many. In milliseconds. */
const QUIET_MS = 200

let child: ChildProcess | undefined
let timer: NodeJS.Timeout | undefined
let restarting = false

/** Through the bootstrap, which generates what the change asks for. */
function start(): void {
  child = spawn(process.execPath, [join(ROOT, 'scripts', 'bootstrap.mjs'), 'start', ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: toolEnvironment({ HEADGATE_DEV: '1' }),
  })
  child.once('exit', (code) => {
    child = undefined
    if (restarting) {
      restarting = false
      start()
    } else if (code === 0 || code === 130) {
      process.exitCode = code
      for (const watcher of watchers) watcher.close()
    } else {
      console.error('Stopped. It starts again with the next change of a source file.')
    }
  })
}

function restart(file: string): void {
  clearTimeout(timer)
  timer = setTimeout(() => {
    console.error(`${file} changed: starting again`)
    if (child === undefined) return start()
    restarting = true
    child.kill('SIGTERM')
  }, QUIET_MS)
}

const watchers = WATCHED.map((folder) =>
  watch(join(ROOT, folder), { recursive: true }, (_event, name) => {
    if (name !== null && SOURCE.test(name)) restart(join(folder, name))
  }),
)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    for (const watcher of watchers) watcher.close()
    clearTimeout(timer)
    restarting = false
    // A terminal has told it already.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child?.kill(signal)
  })
}

start()

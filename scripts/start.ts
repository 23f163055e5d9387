/**
 * `npm start`: a working Headgate on this machine, in the foreground.
 *
 * Arguments go to `headgate up`.
 *
 * @module
 */
import { join } from 'node:path'
import { ROOT } from './tooling/paths.ts'
import { buildWebUi } from './tooling/web-ui.ts'

const started = performance.now()
if (await buildWebUi()) console.error(`Dashboard built in ${((performance.now() - started) / 1000).toFixed(1)} s`)

// In this process, so that signals and the terminal reach the command without a detour.
const main = join(ROOT, 'cli', 'src', 'main.ts')
process.argv.splice(1, 1, main, 'up')
await import(main)

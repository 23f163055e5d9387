/**
 * `npm run bench`: the load and scale runs, on this machine.
 *
 * @module
 */
import { join } from 'node:path'
import { ROOT } from './tooling/paths.ts'

const main = join(ROOT, 'bench', 'src', 'main.ts')
process.argv.splice(1, 1, main)
await import(main)

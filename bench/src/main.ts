/**
 * `npm run bench`: what a request costs, here and next to others, on this machine.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { runDecide } from './decide.ts'

const HELP = `Usage: npm run -s bench -- <what> [options]

  decide       what normalise, match, decide and compile cost, in this process
                 --json           the rows as JSON

Nothing else should run meanwhile. Results and method: bench/README.md
`

const { positionals, values } = parseArgs({
  args: process.argv.slice(2),
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
})

switch (values.help ? undefined : positionals[0]) {
  case undefined:
    process.stdout.write(HELP)
    break
  case 'decide':
    runDecide(values.json)
    break
  default:
    process.stderr.write(`There is no bench ${positionals[0]}.\n\n${HELP}`)
    process.exitCode = 2
}

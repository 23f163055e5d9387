/**
 * `npm run e2e`: the end-to-end tests alone. `npm run e2e -- <part of a path>` runs those files.
 *
 * @module
 */
import { runTests } from './testing/run-tests.ts'

process.exitCode = await runTests(['e2e'], process.argv.slice(2))

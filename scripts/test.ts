/**
 * `npm test`: all tests. `npm test -- <part of a path>` runs those files.
 *
 * @module
 */
import { runTests } from './testing/run-tests.ts'

process.exitCode = await runTests(['unit', 'services', 'e2e'], process.argv.slice(2))

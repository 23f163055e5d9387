/**
 * Runs in a process of its own and loads many test files into it: starting a process for each takes twenty times as
 * long as the tests.
 *
 * The files come from the environment, because the runner starts a test file without arguments.
 *
 * @module
 */
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../tooling/paths.ts'

for (const file of JSON.parse(process.env['HEADGATE_TEST_FILES'] ?? '[]') as string[]) {
  try {
    await import(join(ROOT, file))
  } catch (error) {
    test(`${file} can be loaded`, () => {
      throw error
    })
  }
}

/**
 * Runs in a process of its own and loads test files into it, given as arguments: starting a process for each unit test
 * takes twenty times as long as the tests.
 *
 * No test begins before all files are loaded. The runner ends a process as soon as the tests that it knows so far have
 * ended: what a file registers after a module-level `await`, or what the next file registers, would silently not run.
 *
 * @module
 */
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { GATE_TITLE } from './run-file.ts'

const loaded = Promise.withResolvers<void>()
test(GATE_TITLE, { timeout: 60_000 }, () => loaded.promise)

for (const file of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(file).href)
  } catch (error) {
    test(`${file} can be loaded`, () => {
      throw error
    })
  }
}
loaded.resolve()

/**
 * Runs in a process of its own and loads test files into it, given as arguments: starting a process for each unit test
 * takes twenty times as long as the tests.
 *
 * No test begins before all files are loaded. The runner ends a process as soon as the tests that it knows so far have
 * ended: what a file registers after a module-level `await`, or what the next file registers, would silently not run.
 * For the same reason the last test of all does nothing but wait: a process that is ended by force does not deliver what
 * it has just reported. It waits for a file, which the runner writes when it has heard of this test, and thus of all
 * others.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { END_TITLE, GATE_TITLE } from './run-file.ts'

/** Pause between two looks for the file, in milliseconds. */
const LOOK_MS = 20

const loaded = Promise.withResolvers<void>()
test(GATE_TITLE, { timeout: 60_000 }, () => loaded.promise)

const [heard = '', ...files] = process.argv.slice(2)
for (const file of files) {
  try {
    await import(pathToFileURL(file).href)
  } catch (error) {
    test(`${file} can be loaded`, () => {
      throw error
    })
  }
}
// Tests of one process run in the order in which they were registered, so this is the last one.
test(END_TITLE, { timeout: 60_000 }, async () => {
  while (!existsSync(heard)) await sleep(LOOK_MS)
})
loaded.resolve()

/**
 * What tests of every package need from a process.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * An empty folder that is removed when the process ends.
 *
 * Not by an `after` hook: unit tests of many files share one process, and a hook of a file runs as soon as all tests
 * that are known so far have ended, which may be before the file's own tests begin.
 */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `headgate-${name}-`))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

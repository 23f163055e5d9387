/**
 * Finds the test files and what they need.
 *
 * @module
 */
import { glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../tooling/paths.ts'

/**
 * - `unit`: many in one process, without servers
 * - `services`: `x.services.test.ts`, a process each, with Postgres and Redis
 * - `e2e`: a process each, which starts processes of the product
 */
export type Kind = 'unit' | 'services' | 'e2e'

const EXCLUDED = ['**/node_modules/**', '**/dist/**', '**/generated/**']

/**
 * @param filters parts of paths; a file is taken when its path has any of them, or when there are none
 * @returns paths relative to the root, in order
 */
export async function findTests(kind: Kind, filters: readonly string[]): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob('*/**/*.test.{ts,tsx}', { cwd: ROOT, exclude: EXCLUDED })) {
    const path = file.replaceAll('\\', '/')
    const wanted = filters.length === 0 || filters.some((filter) => path.includes(filter))
    if (wanted && kindOf(path) === kind) files.push(path)
  }
  return files.toSorted()
}

function kindOf(path: string): Kind {
  if (path.startsWith('e2e/')) return 'e2e'
  return /\.services\.test\.tsx?$/.test(path) ? 'services' : 'unit'
}

/** Whether any of the files drives a browser. */
export async function needsBrowser(files: readonly string[]): Promise<boolean> {
  const contents = await Promise.all(files.map((file) => readFile(join(ROOT, file), 'utf8')))
  return contents.some((content) => /playwright|chromium|\/browser\.ts/i.test(content))
}

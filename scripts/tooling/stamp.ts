/**
 * Skips work whose inputs have not changed since it last succeeded.
 *
 * A stamp is the hash of the inputs' paths and contents. It is written after the work, so that an interrupted or
 * failed run is repeated.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { glob, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CACHE, ROOT } from './paths.ts'

export type StampedWork = {
  /** Names the stamp file; unique per kind of work. */
  readonly name: string
  /** Glob patterns relative to the root; what the work reads. Missing files count as absent. */
  readonly inputs: readonly string[]
  /** Paths that must exist for a stamp to count, relative to the root; what the work writes. */
  readonly outputs: readonly string[]
  readonly work: () => Promise<void>
}

/** Hash over the paths and contents of all files that match. */
export async function hashFiles(patterns: readonly string[]): Promise<string> {
  const files: string[] = []
  for await (const file of glob(patterns, { cwd: ROOT, exclude: ['**/dist/**'] })) files.push(file)
  const hash = createHash('sha256')
  for (const file of files.toSorted()) {
    const content = await readFile(join(ROOT, file)).catch((error: NodeJS.ErrnoException) => {
      // A directory that matches a pattern: its files are matched by themselves.
      if (error.code === 'EISDIR') return undefined
      throw error
    })
    if (content !== undefined) hash.update(`${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

/** @returns whether the work ran. */
export async function unlessUnchanged({ name, inputs, outputs, work }: StampedWork): Promise<boolean> {
  const file = join(CACHE, 'stamps', name)
  const hash = await hashFiles(inputs)
  const previous = await readFile(file, 'utf8').catch(() => '')
  if (previous === hash && outputs.every((output) => existsSync(join(ROOT, output)))) return false
  await work()
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, hash)
  return true
}

/**
 * A folder of a test's own, removed when the test is done, and also when its process ends otherwise.
 *
 * @module
 */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Folder extends AsyncDisposable {
  readonly path: string
}

const folders = new Set<string>()

/** @param name a part of its name, for whoever finds it. */
export async function createFolder(name: string): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), `headgate-e2e-${name}-`))
  folders.add(path)
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true })
      folders.delete(path)
    },
  }
}

/** For the end of the process: what is left is removed, without a wait. */
export function removeFolders(): void {
  for (const path of folders) rmSync(path, { recursive: true, force: true })
}

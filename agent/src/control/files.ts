/**
 * Writes files that survive a crash: whole or not at all, readable by their owner alone.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Read and written by the owner alone. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE })
}

/** Puts content in place of a file at once: a reader, or a crash, finds the old one or the new one. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.draft`
  try {
    await using file = await openFile(draft, 'wx')
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  await rename(draft, path)
  await syncFolder(dirname(path))
}

/** Adds to the end of a file; on the disk when it resolves. */
export async function append(path: string, content: Uint8Array): Promise<void> {
  await using file = await openFile(path, 'a')
  await file.writeFile(content)
  await file.datasync()
}

/** @returns null when there is none. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path)
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

export async function remove(path: string): Promise<void> {
  await rm(path, { force: true })
}

function openFile(path: string, flags: string): Promise<FileHandle> {
  return open(path, flags, FILE_MODE)
}

/** Without it the name of a new file may be lost with the power. */
async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

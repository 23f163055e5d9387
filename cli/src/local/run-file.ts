/**
 * What a running `headgate up` has started, for `down`, for `doctor`, and for the start after a crash.
 *
 * @module
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { Processes, ProcessMark } from './processes.ts'

export interface RunFile {
  readonly up: ProcessMark
  /** Everything is up and live. */
  readonly ready: boolean
  /** In the order in which they are ended. */
  readonly children: readonly (ProcessMark & { readonly name: string })[]
}

/** Time that a left-over process is given to end, in milliseconds. */
const LEFT_OVER_GRACE_MS = 5_000

export async function readRunFile(path: string): Promise<RunFile | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, 'utf8'))
    return isRunFile(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function isRunFile(value: unknown): value is RunFile {
  if (typeof value !== 'object' || value === null || !('up' in value) || !('children' in value)) return false
  return isMark(value.up) && Array.isArray(value.children) && value.children.every(isMark)
}

function isMark(value: unknown): value is ProcessMark {
  if (typeof value !== 'object' || value === null || !('pid' in value) || !('started' in value)) return false
  return Number.isInteger(value.pid) && Number(value.pid) > 1 && typeof value.started === 'string'
}

export async function writeRunFile(path: string, file: RunFile): Promise<void> {
  // One writer, one after the other: a child is noted before the next one is started.
  await writeFile(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/** @param pid of the `headgate up` whose file it is; another one's file stays. */
export async function removeRunFile(path: string, pid: number): Promise<void> {
  if ((await readRunFile(path))?.up.pid === pid) await rm(path, { force: true })
}

/** Ends what a start that was killed has left. @returns how many processes that were. */
export async function endLeftOvers({ children }: RunFile, processes: Processes): Promise<number> {
  let count = 0
  for (const child of children) {
    if (!(await processes.runs(child))) continue
    count += 1
    await processes.end(child, LEFT_OVER_GRACE_MS)
  }
  return count
}

/**
 * What a running `headgate up` has started, for `down`, for `doctor`, and for the start after a crash.
 *
 * @module
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { Cli } from '#cli/cli.ts'
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

async function writeRunFile(path: string, file: RunFile): Promise<void> {
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

export interface RunNotes {
  note(name: string, mark: ProcessMark): Promise<void>
  markReady(): Promise<void>
}

/** Ends what a killed start has left; the result notes what this one starts. */
export async function takeOver({ terminal, talk }: Cli, runFile: string): Promise<RunNotes> {
  const { pid, processes } = terminal
  const before = await readRunFile(runFile)
  const up = await processes.mark(pid)
  // From here on this process answers for what runs, also for what it found.
  await writeRunFile(runFile, { up, ready: false, children: before?.children ?? [] })
  const count = before === undefined ? 0 : await endLeftOvers(before, processes)
  if (count > 0) talk.line(`  ended ${count} ${count === 1 ? 'process' : 'processes'} that an earlier start had left`)
  const children = new Map<string, ProcessMark>()
  let ready = false
  const write = (): Promise<void> => {
    // Agents first: that is the order in which they are ended.
    const ordered = [...children].map(([name, mark]) => ({ name, ...mark })).toReversed()
    return writeRunFile(runFile, { up, ready, children: ordered })
  }
  await write()
  return {
    note(name, mark) {
      children.set(name, mark)
      return write()
    },
    markReady() {
      ready = true
      return write()
    },
  }
}

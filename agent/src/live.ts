/**
 * What this agent serves at the moment: one live release and one directory per environment.
 *
 * A release is swapped by replacing one reference, so a request sees the old table or the new one and never a mixture.
 * Nobody but `control/` changes anything here, on the main thread; serving threads have tables of their own that follow.
 * Nothing here is verified: what arrives has been verified and compiled.
 *
 * @module
 */
import { type CompiledRelease, releaseHosts } from '@headgate/core'
import type { MemoryHandle } from '#agent/directory/memory.ts'
import type { DirectoryReader } from '#agent/directory/reader.ts'
import { createDirectoryStore, type DirectoryStore } from '#agent/directory/store.ts'

/** One environment with a live release. Immutable, except for what the directory holds. */
export interface LiveEnvironment {
  readonly id: string
  readonly release: CompiledRelease
  readonly number: number
  readonly directory: DirectoryReader
}

/** What the agent holds of one environment. */
export interface HeldEnvironment {
  readonly environmentId: string
  /** 0: none. */
  readonly releaseNumber: number
  /** 0: none. */
  readonly directorySequence: bigint
}

/** What is live, for those who serve. */
export interface Live {
  /**
   * The environment that serves a host: an exact name first, then `*.name`, then one that serves every host.
   *
   * @param host as in `Facts`.
   * @returns null when none does.
   */
  forHost(host: string): LiveEnvironment | null
  /** Environments with a live release, by id. */
  environments(): readonly LiveEnvironment[]
  /**
   * Calls a listener after every change of a release. What it returns is waited for by `settled`.
   *
   * @returns ends the calls.
   */
  onChange(listener: () => unknown): () => void
}

/** The table of one thread. */
export interface LiveTable extends Live {
  put(environment: LiveEnvironment): void
  drop(environmentId: string): void
  /** Resolves when everybody who follows has followed the last change. */
  settled(): Promise<void>
}

/** What is live in the whole agent, for those who change it. */
export interface LiveState extends Live {
  /** Makes a release the live one of its environment, at once here, and for every request once it is `settled`. */
  setRelease(environmentId: string, release: CompiledRelease, number: number): void
  settled(): Promise<void>
  /** The directory of an environment; made when there is none. */
  directory(environmentId: string): DirectoryStore
  /** Drops an environment's release and directory. */
  remove(environmentId: string): void
  held(): readonly HeldEnvironment[]
  /** The memory of every directory, for readers on other threads. */
  memories(): readonly (readonly [environmentId: string, handle: MemoryHandle])[]
  /**
   * Calls a listener with every new memory of a directory, before the old one is given up; null: the directory is gone.
   *
   * @returns ends the calls.
   */
  onMemory(listener: (environmentId: string, handle: MemoryHandle | null) => void): () => void
}

interface Table {
  /** Sorted by id. */
  readonly environments: readonly LiveEnvironment[]
  readonly exact: ReadonlyMap<string, LiveEnvironment>
  /** By what follows `*.`. */
  readonly wildcard: ReadonlyMap<string, LiveEnvironment>
  readonly any: LiveEnvironment | null
}

export function createLiveTable(): LiveTable {
  const listeners = new Set<() => unknown>()
  let table = buildTable([])
  let following: Promise<unknown> = Promise.resolve()

  function swap(environments: readonly LiveEnvironment[]): void {
    table = buildTable(environments)
    following = Promise.all(Array.from(listeners, (listener) => listener()))
  }

  return {
    put: (next) => swap([...table.environments.filter(({ id }) => id !== next.id), next]),
    drop: (environmentId) => {
      if (table.environments.some(({ id }) => id === environmentId)) {
        swap(table.environments.filter(({ id }) => id !== environmentId))
      }
    },
    settled: async () => void (await following),
    forHost: (host) => {
      const { exact, wildcard, any } = table
      return exact.get(host) ?? (wildcard.size === 0 ? undefined : wildcard.get(parentOf(host))) ?? any
    },
    environments: () => table.environments,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export function createLive(): LiveState {
  const table = createLiveTable()
  const directories = new Map<string, DirectoryStore>()
  const listeners = new Set<(environmentId: string, handle: MemoryHandle | null) => void>()

  function tell(environmentId: string, handle: MemoryHandle | null): void {
    for (const listener of listeners) listener(environmentId, handle)
  }

  function directory(environmentId: string): DirectoryStore {
    let store = directories.get(environmentId)
    if (store === undefined) {
      store = createDirectoryStore(environmentId, (handle) => tell(environmentId, handle))
      directories.set(environmentId, store)
      tell(environmentId, store.handle())
    }
    return store
  }

  return {
    ...table,
    directory,
    setRelease: (id, release, number) => table.put({ id, release, number, directory: directory(id) }),
    remove: (id) => {
      table.drop(id)
      if (directories.delete(id)) tell(id, null)
    },
    held: () => {
      const numbers = new Map(table.environments().map(({ id, number }) => [id, number]))
      const ids = [...new Set([...numbers.keys(), ...directories.keys()])].toSorted()
      return ids.map((environmentId) => ({
        environmentId,
        releaseNumber: numbers.get(environmentId) ?? 0,
        directorySequence: directories.get(environmentId)?.sequence ?? 0n,
      }))
    },
    memories: () => Array.from(directories, ([id, store]) => [id, store.handle()] as const),
    onMemory: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

// Publish refuses a host in two environments of one group. Should it happen all the same, the lower id wins, so that
// every agent of the group answers alike.
function buildTable(unsorted: readonly LiveEnvironment[]): Table {
  const environments = unsorted.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const exact = new Map<string, LiveEnvironment>()
  const wildcard = new Map<string, LiveEnvironment>()
  let any: LiveEnvironment | null = null
  for (const environment of environments) {
    for (const host of releaseHosts(environment.release)) {
      if (host === '*') any ??= environment
      else if (host.startsWith('*.')) put(wildcard, host.slice(2), environment)
      else put(exact, host, environment)
    }
  }
  return { environments, exact, wildcard, any }
}

function put(index: Map<string, LiveEnvironment>, host: string, environment: LiveEnvironment): void {
  if (!index.has(host)) index.set(host, environment)
}

function parentOf(host: string): string {
  const dot = host.indexOf('.')
  return dot === -1 ? '' : host.slice(dot + 1)
}

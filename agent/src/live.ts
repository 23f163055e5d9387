/**
 * What this agent serves at the moment: one live release and one directory per environment.
 *
 * Nobody but `control/` changes anything here, on the main thread; serving threads have tables of their own that follow.
 * Nothing here is verified: what arrives has been verified and compiled.
 *
 * @module
 */
import type { CompiledRelease } from '@headgate/core'
import type { MemoryHandle } from '#agent/directory/memory.ts'
import { createDirectoryStore, type DirectoryStore } from '#agent/directory/store.ts'
import { createLiveTable, type Live } from './live-table.ts'

/** What the agent holds of one environment. */
export interface HeldEnvironment {
  readonly environmentId: string
  /** 0: none. */
  readonly releaseNumber: number
  /** 0: none. */
  readonly directorySequence: bigint
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

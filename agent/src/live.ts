/**
 * What this agent serves at the moment: one live release and one directory per environment.
 *
 * A release is swapped by replacing one reference, so a request sees the old table or the new one and never a mixture.
 * Nobody but `control/` changes anything here; the request path only reads. Nothing here is verified: what arrives has
 * been verified and compiled.
 *
 * @module
 */
import { type CompiledRelease, releaseHosts } from '@headgate/core'
import { createDirectoryStore, type DirectoryStore } from '#agent/directory/store.ts'

/** One environment with a live release. Immutable, except for what the directory holds. */
export interface LiveEnvironment {
  readonly id: string
  readonly release: CompiledRelease
  readonly number: number
  readonly directory: DirectoryStore
}

/** What the agent holds of one environment. */
export interface HeldEnvironment {
  readonly environmentId: string
  /** 0: none. */
  readonly releaseNumber: number
  /** 0: none. */
  readonly directorySequence: bigint
}

export interface Live {
  /** Makes a release the live one of its environment, at once and for every later request. */
  setRelease(environmentId: string, release: CompiledRelease, number: number): void
  /** The directory of an environment; made when there is none. */
  directory(environmentId: string): DirectoryStore
  /** Drops an environment's release and directory. */
  remove(environmentId: string): void
  held(): readonly HeldEnvironment[]
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
   * Calls a listener after every change of a release.
   *
   * @returns ends the calls.
   */
  onChange(listener: () => void): () => void
}

interface Table {
  /** Sorted by id. */
  readonly environments: readonly LiveEnvironment[]
  readonly exact: ReadonlyMap<string, LiveEnvironment>
  /** By what follows `*.`. */
  readonly wildcard: ReadonlyMap<string, LiveEnvironment>
  readonly any: LiveEnvironment | null
}

export function createLive(): Live {
  const directories = new Map<string, DirectoryStore>()
  const listeners = new Set<() => void>()
  let table = buildTable([])

  function swap(environments: readonly LiveEnvironment[]): void {
    table = buildTable(environments)
    for (const listener of listeners) listener()
  }

  function directory(environmentId: string): DirectoryStore {
    let store = directories.get(environmentId)
    if (store === undefined) directories.set(environmentId, (store = createDirectoryStore(environmentId)))
    return store
  }

  return {
    directory,
    setRelease: (id, release, number) => {
      const others = table.environments.filter((environment) => environment.id !== id)
      swap([...others, { id, release, number, directory: directory(id) }])
    },
    remove: (id) => {
      directories.delete(id)
      if (table.environments.some((environment) => environment.id === id)) {
        swap(table.environments.filter((environment) => environment.id !== id))
      }
    },
    held: () => {
      const numbers = new Map(table.environments.map(({ id, number }) => [id, number]))
      const ids = [...new Set([...numbers.keys(), ...directories.keys()])].toSorted()
      return ids.map((environmentId) => ({
        environmentId,
        releaseNumber: numbers.get(environmentId) ?? 0,
        directorySequence: directories.get(environmentId)?.sequence ?? 0n,
      }))
    },
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

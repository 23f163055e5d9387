/**
 * What one thread serves at the moment: the live release of each environment, found by host.
 *
 * A release is swapped by replacing one reference, so a request sees the old table or the new one and never a mixture.
 *
 * @module
 */
import { type CompiledRelease, releaseHosts } from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'

/** One environment with a live release. Immutable, except for what the directory holds. */
export interface LiveEnvironment {
  readonly id: string
  readonly release: CompiledRelease
  readonly number: number
  readonly directory: DirectoryReader
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

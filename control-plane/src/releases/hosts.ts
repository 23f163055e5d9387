/**
 * Which hosts a release serves, and whether two releases would both get a request.
 *
 * The agents of a group find the environment of a request by its host alone, so two environments of one group may not
 * share one: one tenant could take over the traffic of another.
 *
 * @module
 */
import { compile, releaseHosts } from '@headgate/core'
import type { Tx } from '#control-plane/db.ts'
import { readSnapshot } from './content.ts'
import { loadSnapshot } from './store.ts'

/** Releases whose hosts are remembered. A release never changes. */
const REMEMBERED_MAX = 1000

export type HostsOf = (db: Tx, releaseId: string) => Promise<readonly string[]>

/** Reads the hosts of stored releases, each release once. */
export function createHostsOf(): HostsOf {
  const remembered = new Map<string, readonly string[]>()
  return async (db, releaseId) => {
    const known = remembered.get(releaseId)
    if (known !== undefined) return known
    const hosts = hostsOfSnapshot(await loadSnapshot(db, releaseId))
    remembered.set(releaseId, hosts)
    for (const oldest of remembered.keys()) {
      if (remembered.size <= REMEMBERED_MAX) break
      remembered.delete(oldest)
    }
    return hosts
  }
}

function hostsOfSnapshot(bytes: Uint8Array): readonly string[] {
  const compiled = compile(readSnapshot(bytes))
  // What an older version published and this one refuses is not known to serve anything else than everything.
  return compiled.kind === 'compiled' ? releaseHosts(compiled.release) : ['*']
}

/**
 * The first host of `mine` that some host pattern of `theirs` would get too.
 *
 * @returns null when there is none.
 */
export function sharedHost(mine: readonly string[], theirs: readonly string[]): string | null {
  const other = new Set(theirs)
  const wildcardParents = new Set(theirs.filter((host) => host.startsWith('*.')).map((host) => host.slice(2)))
  const parentsOfExact = new Set(theirs.filter((host) => !host.startsWith('*')).map(parentOf))
  for (const host of mine) {
    if (other.has(host) || other.has('*')) return host
    if (host === '*' && theirs.length > 0) return host
    if (host.startsWith('*.') ? parentsOfExact.has(host.slice(2)) : wildcardParents.has(parentOf(host))) return host
  }
  return null
}

function parentOf(host: string): string {
  const dot = host.indexOf('.')
  return dot === -1 ? '' : host.slice(dot + 1)
}

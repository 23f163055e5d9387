/**
 * Changes which environments a group serves, unless two of them would get the same request.
 *
 * @module
 */
import type { ProblemDetail } from '@headgate/admin-api'
import type { Tx } from '#control-plane/db.ts'
import { type HostsOf, sharedHost } from '#control-plane/releases/hosts.ts'
import { liveReleasesOf } from '#control-plane/releases/store.ts'
import type { Services } from '#control-plane/rest/contract.ts'
import { Refusal, refuse, refuseInput } from '#control-plane/rest/refusal.ts'
import { findEnvironmentIds, lockForAssignment, setEnvironments } from './store.ts'

export interface EnvironmentReference {
  readonly tenant: string
  readonly environment: string
}

/** @throws Refusal `not_found` or `input_invalid`. */
export async function resolveEnvironments(tx: Tx, references: readonly EnvironmentReference[]): Promise<string[]> {
  const ids = await findEnvironmentIds(tx, references)
  const found: string[] = []
  for (const [index, id] of ids.entries()) {
    const { tenant = '', environment = '' } = references[index] ?? {}
    if (id === null) return refuse('not_found', `There is no environment ${environment} in a tenant ${tenant}`)
    if (found.includes(id)) refuseInput(`/environments/${index}`, 'repeated', 'It is listed already', 'List it once')
    found.push(id)
  }
  return found
}

/** @throws Refusal `host_conflict`. */
export async function assign(
  tx: Tx,
  { fleet }: Services,
  hostsOf: HostsOf,
  groupId: string,
  environmentIds: readonly string[],
): Promise<void> {
  await lockForAssignment(tx, groupId, environmentIds)
  const releases = await liveReleasesOf(tx, environmentIds)
  const served: { readonly name: string; readonly hosts: readonly string[] }[] = []
  const errors: ProblemDetail[] = []
  for (const { releaseId, tenant, environment } of releases) {
    const hosts = await hostsOf(tx, releaseId)
    const name = `${tenant}/${environment}`
    for (const other of served) {
      const host = sharedHost(hosts, other.hosts)
      if (host !== null) errors.push(conflict(host, name, other.name))
    }
    served.push({ name, hosts })
  }
  if (errors.length > 0) throw new Refusal('host_conflict', { errors })
  await setEnvironments(tx, groupId, environmentIds)
  await fleet.notifyAssignment(tx, groupId)
}

function conflict(host: string, first: string, second: string): ProblemDetail {
  return {
    pointer: '/environments',
    code: 'host_conflict',
    message: `${host} is served by ${first} and by ${second}`,
    fix: 'Give one of them other hosts, or serve them from two agent groups',
  }
}

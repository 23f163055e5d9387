/**
 * Makes a release: checks it exactly as agents will, numbers, signs and stores it, and tells the agents.
 *
 * One transaction holds all of it, so a crash leaves the release that was or the one that is, never a part.
 *
 * @module
 */
import { type Finding, compile, releaseHosts } from '@headgate/core'
import type { ProblemDetail } from '@headgate/admin-api'
import type { Release } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { lockEnvironment } from '#control-plane/resources/environments/sequences.ts'
import type { Services } from '#control-plane/rest/contract.ts'
import { Refusal, refuse } from '#control-plane/rest/refusal.ts'
import { checkCapabilities } from './capabilities.ts'
import { type Content, loadLive, readSnapshot } from './content.ts'
import { type Change, diffObjects } from './diff.ts'
import { type HostsOf, sharedHost } from './hosts.ts'
import { buildSnapshot } from './snapshot.ts'
import { insertRelease, lockNeighbours } from './store.ts'

export interface PublishRequest {
  /** Loads what is to be published; called when the environment's row is taken. */
  readonly load: (tx: Tx) => Promise<Content>
  readonly comment: string
  /** Number of the release whose content comes back. */
  readonly rollbackOf: number | null
  /** Refuse when the draft has another revision. */
  readonly baseRevision?: number | undefined
  /** Name of the operator. */
  readonly createdBy: string
}

export interface Published {
  readonly row: Release
  readonly previousNumber: number
  readonly changes: Change[]
  readonly findings: Finding[]
}

/**
 * @throws Refusal `revision_stale`, `nothing_to_publish`, `release_refused`, `host_conflict`, `agents_too_old`, or what
 *   `load` throws.
 */
export async function publish(
  tx: Tx,
  services: Services,
  hostsOf: HostsOf,
  scope: EnvironmentScope,
  request: PublishRequest,
): Promise<Published> {
  const sequences = await lockEnvironment(tx, scope)
  if (request.baseRevision !== undefined && sequences.draftRevision !== BigInt(request.baseRevision)) {
    refuse('revision_stale', `The draft is at revision ${sequences.draftRevision}`)
  }
  const content = await request.load(tx)
  const changes = diffObjects((await loadLive(tx, scope)).objects, content.objects)
  const number = sequences.releaseNumber + 1
  const compiled = compile({
    tenant: scope.tenantName,
    environment: scope.environmentName,
    number,
    objects: content.objects,
  })
  if (compiled.kind === 'refused') refuseFindings(compiled.findings)
  if (changes.length === 0) refuse('nothing_to_publish')
  await checkHosts(tx, hostsOf, scope, releaseHosts(compiled.release))

  const nowMs = services.clock.now()
  const snapshot = buildSnapshot({
    tenant: { id: scope.tenantId, name: scope.tenantName },
    environment: { id: scope.environmentId, name: scope.environmentName },
    number,
    publishedAtMs: nowMs,
    objects: content.objects,
  })
  await checkCapabilities(tx, scope, readSnapshot(snapshot).capabilityMin, 'this release')
  const { signature, keyId } = services.signer.sign(snapshot)
  const { comment, rollbackOf, createdBy } = request
  const row = await insertRelease(
    tx,
    scope,
    { number, snapshot, signature, keyId, comment, rollbackOf, createdBy },
    nowMs,
  )
  await services.fleet.notifyRelease(tx, scope.environmentId)
  return { row, previousNumber: sequences.releaseNumber, changes, findings: [...compiled.warnings] }
}

/** Pointers are `/kind/name/spec/...`, so that a file's reader finds the line. @throws Refusal `release_refused`. */
export function refuseFindings(findings: readonly Finding[]): never {
  const errors: ProblemDetail[] = findings
    .filter(({ severity }) => severity === 'error')
    .map(({ object, pointer, code, message, fix }) => ({ pointer: `/${object}/spec${pointer}`, code, message, fix }))
  return refuse('release_refused', undefined, { errors })
}

async function checkHosts(tx: Tx, hostsOf: HostsOf, scope: EnvironmentScope, hosts: readonly string[]): Promise<void> {
  const errors: ProblemDetail[] = []
  for (const other of await lockNeighbours(tx, scope)) {
    const host = sharedHost(hosts, await hostsOf(tx, other.releaseId))
    if (host === null) continue
    errors.push({
      pointer: '',
      code: 'host_conflict',
      // The operator may not know the other tenant: its name is shown only to its own.
      message:
        other.tenant === scope.tenantName
          ? `${host} is also served by environment ${other.environment} in agent group ${other.group}`
          : `${host} is also served by another tenant in agent group ${other.group}`,
      fix:
        host === '*'
          ? 'Give every route its hosts, or use an agent group of its own'
          : `Serve other hosts, or use an agent group of its own`,
    })
  }
  if (errors.length > 0) throw new Refusal('host_conflict', { errors })
}

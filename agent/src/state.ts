/**
 * What an agent says about itself to people: what is live, who serves, how it is connected, how it is set.
 *
 * Holds no secret: no key, token, certificate key, ticket secret or password, and nothing about callers.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { SettingSource } from '@headgate/kit/settings.ts'
import type { Issuers } from './issuers/keeper.ts'
import type { StoreStatus } from './limits/shared/memory.ts'
import type { LiveState } from './live.ts'
import type { CredentialKeeper } from './upstream/credentials/credential-keeper.ts'
import type { Listening } from './workers/messages.ts'
import type { ServingSide } from './workers/side.ts'

interface StateParts {
  readonly agentName: string
  readonly version: string
  readonly startedAtMs: number
  readonly clock: Clock
  readonly live: LiveState
  readonly issuers: Issuers
  /** What the agent proves itself to services with. */
  readonly credentials: CredentialKeeper
  readonly side: ServingSide
  readonly limitStore: StoreStatus
  readonly listening: Listening | null
  /** Of the link to the control plane; null: there is none. */
  readonly control: object | null
  readonly sources: readonly SettingSource[]
}

/** Who is refused by a thread that has too much to do: everybody who is less important than that. */
const refusedBelow = [null, 'normal', 'high', 'critical', 'all'] as const

export function agentState(parts: StateParts): object {
  const { agentName, version, startedAtMs, clock, live, issuers, credentials, side, listening, control, sources } =
    parts
  const { connections, certificatesUnusable, certificatesOutdated, services, dropped, proofsOverflowed, limits } =
    side.gauges()
  const nowMs = clock.monotonic()
  return {
    agent: agentName,
    version,
    started_at: new Date(startedAtMs).toISOString(),
    listening: {
      http: listening?.httpUrl ?? null,
      https: listening?.httpsUrl ?? null,
      h2c: listening?.h2cUrl ?? null,
    },
    control_plane: control,
    environments: live.held().map(({ environmentId, releaseNumber, directorySequence }) => {
      const environment = live.environments().find(({ id }) => id === environmentId)
      const { consumers, apiKeys, bytes } = live.directory(environmentId).size
      return {
        id: environmentId,
        environment: environment?.release.environment ?? null,
        tenant: environment?.release.tenant ?? null,
        release: releaseNumber,
        routes: environment?.release.routes.size ?? 0,
        services: environment?.release.services.size ?? 0,
        directory: { sequence: String(directorySequence), consumers, api_keys: apiKeys, bytes },
      }
    }),
    workers: side.workers().map((worker) => ({
      worker: worker.worker,
      state: worker.state,
      up_ms: Math.round(nowMs - worker.startedAtMs),
      connections: worker.connections,
      delay_ms: worker.load === null ? null : Math.round(worker.load.delayMs),
      heap_percent: worker.load === null ? null : Math.round(worker.load.heapShare * 100),
      refused_below: worker.load === null ? null : (refusedBelow[worker.load.refusedBelow] ?? null),
      shed: worker.load?.shed ?? 0,
    })),
    services: services.map(({ environmentId, ...service }) => ({ environment_id: environmentId, ...service })),
    issuers: issuers.status().map((each) => ({
      environment_id: each.environmentId,
      issuer: each.issuer,
      keys: each.keys,
      keys_age_ms: each.ageMs === null ? null : Math.round(each.ageMs),
      problem: each.problem,
      fetches: each.fetches,
      introspections: each.introspections,
    })),
    service_credentials: credentials.status().map((each) => ({
      environment_id: each.environmentId,
      services: each.services,
      kind: each.kind,
      state: each.state,
      problem: each.problem,
    })),
    limit_store: {
      state: parts.limitStore.state,
      away_ms: Math.round(parts.limitStore.awayMs),
      agents: parts.limitStore.agents,
      calls: parts.limitStore.calls,
      errors: parts.limitStore.errors,
      call_ms_longest: Math.round(parts.limitStore.callMsLongest * 100) / 100,
    },
    proofs_overflowed: proofsOverflowed,
    limits: limits().map(({ algorithm, inUse, evicted, overflowed }) => ({
      algorithm,
      counters_in_use: inUse,
      counters_evicted: evicted,
      requests_overflowed: overflowed,
    })),
    connections,
    certificates_unusable: certificatesUnusable,
    certificates_outdated: certificatesOutdated,
    records_dropped: dropped,
    settings: sources.map(({ name, shown, source }) => ({ name, value: withoutPassword(shown), source })),
  }
}

/** A collector's address may hold a password. */
function withoutPassword(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//[secret]@')
}

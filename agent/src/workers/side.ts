/**
 * The serving side of an agent as its main side sees it, and the one that serves on the calling thread.
 *
 * Both sides of the port are the same wherever serving happens: `createServing` on the one, whoever fills `live` and
 * takes counters and records on the other. `threads.ts` puts threads between them; here there is nothing between.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { AgentSettings } from '#agent/config.ts'
import type { Issuers } from '#agent/issuers/keeper.ts'
import { KnownKeys } from '#agent/issuers/known-keys.ts'
import { createCallerMemory } from '#agent/limits/callers.ts'
import { createThreadHoldings } from '#agent/limits/held-table.ts'
import { type CountersState, createLocalMemory, watchLocalMemory } from '#agent/limits/memory.ts'
import type { QuotaMemory } from '#agent/limits/quota-table.ts'
import type { SharedLimitMemory } from '#agent/limits/shared/memory.ts'
import { SeenTable } from '#agent/limits/seen.ts'
import { admissionMemoryFor } from '#agent/listen/admission.ts'
import type { CertificateProblem, Certificates } from '#agent/listen/certificates.ts'
import { TicketKeys } from '#agent/listen/ticket-keys.ts'
import type { LiveState } from '#agent/live.ts'
import type { ThreadLoadState } from '#agent/pipeline/thread-load.ts'
import { createServing, type Serving } from '#agent/serving.ts'
import type { DecisionRecord } from '#agent/telemetry/events.ts'
import { createSlots } from '#agent/telemetry/metrics.ts'
import type { Counters } from '#agent/telemetry/totals.ts'
import { type ServiceSecret, ServiceSecrets } from '#agent/upstream/credentials/service-secrets.ts'
import type { ServiceState } from '#agent/upstream/state.ts'
import type { Listening } from './messages.ts'

export interface SideOptions {
  readonly settings: AgentSettings
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly live: LiveState
  /** Talks to issuers, for all who serve. */
  readonly issuers: Issuers
  readonly ticketSecret: Uint8Array
  /** What is known of limits that agents share. */
  readonly sharedMemory: SharedLimitMemory
  readonly agentName: string
  /** What was used of quotas, here and before. */
  readonly quotas: QuotaMemory
  readonly clock: Clock
  readonly log: Log
  /** Takes a decision record. */
  readonly keep: (record: DecisionRecord) => void
}

/** What is measured beside requests. */
export interface SideGauges {
  /** Open connections of clients. */
  readonly connections: number
  readonly certificatesUnusable: readonly CertificateProblem[]
  readonly certificatesOutdated: readonly CertificateProblem[]
  /** As of some seconds ago at most. */
  readonly services: readonly ServiceState[]
  /** Records that were given up on their way here. */
  readonly dropped: { readonly allowed: number; readonly refused: number }
  /** Proofs and signatures that could not be remembered, and were refused for that. */
  readonly proofsOverflowed: number
  /** How it stands with the counters of limits. Looks at many of them. */
  readonly limits: () => readonly CountersState[]
}

/** One thread that serves, for people. */
export interface WorkerReport {
  readonly worker: number
  readonly state: 'starting' | 'serving' | 'draining' | 'ended'
  /** On the clock of the process, in milliseconds. */
  readonly startedAtMs: number
  readonly connections: number
  /** How much it has to do, half a second ago at most; null: it has not said. */
  readonly load: ThreadLoadState | null
}

/** Its disposal takes no new connections, and waits for what is being worked on, within the time of the settings. */
export interface ServingSide extends AsyncDisposable {
  /** Sums over all threads. */
  readonly counters: Counters
  /** @throws when an address cannot be listened on. */
  listen(): Promise<Listening>
  gauges(): SideGauges
  workers(): readonly WorkerReport[]
  /** Brings counters and records up to now. */
  flush(): Promise<void>
  /** Puts a new thread in the place of each, one after the other; no connection is refused meanwhile. */
  restart(): Promise<void>
  useAgentName(name: string): void
  useTicketSecret(secret: Uint8Array): void
  useServiceSecret(secret: ServiceSecret): void
}

/** Serves on the calling thread: for tests, which look at what is inside. */
export interface OwnSide extends ServingSide {
  /** Null until `listen`. */
  readonly certificates: Certificates | null
  readonly tickets: TicketKeys
}

export function createOwnSide(options: SideOptions): OwnSide {
  const { settings, env, live, issuers, sharedMemory, clock, log, keep } = options
  const slots = createSlots()
  const tickets = new TicketKeys({ newest: options.ticketSecret, before: null })
  const secrets = new ServiceSecrets()
  const startedAtMs = clock.monotonic()
  const callerMemory = createCallerMemory(settings.proofsMax)
  const seen = new SeenTable(callerMemory.seen, () => clock.monotonic())
  const knownKeys = new KnownKeys(clock, async (id) => await issuers.renew(id))
  const stopFollowing = issuers.onKeys((keys) => knownKeys.put(keys))
  for (const keys of issuers.published()) knownKeys.put(keys)
  let { agentName } = options
  const limitMemory = createLocalMemory(settings.limitKeysMax, options.quotas)
  const watchLimits = watchLocalMemory(limitMemory, clock)
  let serving: Serving | null = null
  return {
    counters: slots,
    tickets,
    get certificates() {
      return serving?.certificates ?? null
    },
    listen: async () => {
      const holdings = createThreadHoldings()
      const admissionSeat = { memory: admissionMemoryFor(settings, 1), thread: 0 }
      const agent = (): string => agentName
      const shared = {
        settings,
        env,
        live,
        tickets,
        secrets,
        limitMemory,
        sharedMemory,
        holdings,
        callerMemory,
        admissionSeat,
        knownKeys,
        issuers,
      }
      serving = await createServing({ ...shared, reusePort: false, clock, log, slots, agent, keep })
      return serving
    },
    gauges: () => ({
      connections: serving?.connections ?? 0,
      certificatesUnusable: serving?.certificates.unusable ?? [],
      certificatesOutdated: serving?.certificates.outdated ?? [],
      services: serving?.services ?? [],
      dropped: { allowed: 0, refused: 0 },
      proofsOverflowed: seen.overflowed,
      limits: watchLimits,
    }),
    workers: () => [
      {
        worker: 0,
        state: serving === null ? 'starting' : 'serving',
        startedAtMs,
        connections: serving?.connections ?? 0,
        load: serving?.load ?? null,
      },
    ],
    flush: async () => {},
    restart: async () => {},
    useAgentName: (name) => {
      agentName = name
    },
    useTicketSecret: (secret) => tickets.replace(secret),
    useServiceSecret: (secret) => secrets.take(secret),
    [Symbol.asyncDispose]: async () => {
      await serving?.[Symbol.asyncDispose]()
      stopFollowing()
    },
  }
}

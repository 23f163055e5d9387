/**
 * Names of all metrics, and the counters behind them.
 *
 * The request path adds to plain numbers in a slot: no library call, no attribute object, no string key. The exporter
 * and `/metrics` read the slots from time to time. Slots are per environment, route, reason and first digit of the
 * status: names from configuration only, so a caller cannot make their number grow.
 *
 * @module
 */
import { CredentialNotes } from './credential-notes.ts'
import { LimitCounts } from './limit-counts.ts'

/** Names, as they leave the agent over OTLP. */
export const metricNames = {
  /** Sum, monotonic, `{request}`: answered requests. Attributes: all of `metricAttributes`. */
  requests: 'headgate.requests',
  /** Histogram, `s`: from the head of the request to the last byte of the response. Same attributes. */
  duration: 'headgate.request.duration',
  /** Sum, monotonic, `{request}`: refused before there was a request to decide about. Attribute: `reason`. */
  malformed: 'headgate.malformed_requests',
  /** Sum, monotonic, `{record}`: decision records that were given up. Attributes: `receiver`, `kind`. */
  dropped: 'headgate.records.dropped',
  /** Gauge: number of the live release. Attribute: `environmentId`. */
  release: 'headgate.release.number',
  /** Gauge, `{certificate}`: certificates that cannot be presented. Attribute: `environmentId`. */
  certificatesUnusable: 'headgate.certificates.unusable',
  /** Gauge, `{certificate}`: certificates that are presented, but expired or not valid yet. Attribute: `environmentId`. */
  certificatesOutdated: 'headgate.certificates.outdated',
  /** Gauge, `{address}`: addresses of a target. Attributes: `environmentId`, `service`, `target`, `health`. */
  targetAddresses: 'headgate.target.addresses',
  /** Gauge, `{request}`: requests that a target works on. Attributes: `environmentId`, `service`, `target`. */
  targetRequests: 'headgate.target.requests',
  /** Sum, monotonic, `{request}`: second attempts. Attributes: `environmentId`, `service`. */
  serviceRetries: 'headgate.service.retries',
  /** Sum, monotonic, `{request}`: refused because a bound of the service was reached. Attributes: the same. */
  serviceOverloaded: 'headgate.service.overloaded',
  /** Gauge, `{request}`: requests that wait for an answer. Attributes: the same. */
  serviceWaiting: 'headgate.service.concurrency.waiting',
  /** Gauge, `{request}`: how many may; only while that is bounded in all threads. Attributes: the same. */
  serviceLimit: 'headgate.service.concurrency.limit',
  /** Sum, monotonic, `{request}`: refused for more important ones. Attributes: the same, and `priority`. */
  serviceShed: 'headgate.service.shed',
  /** Gauge, `s`: by how much a serving thread is late. Attribute: `worker`. */
  threadDelay: 'headgate.thread.delay',
  /** Gauge, `1`: part of the largest heap that a serving thread uses. Attribute: `worker`. */
  threadHeap: 'headgate.thread.heap',
  /** Sum, monotonic, `{request}`: refused because a serving thread had too much to do. Attribute: `worker`. */
  threadShed: 'headgate.thread.shed',
  /** Sum, monotonic, `{ejection}`: times that an address was left alone. Attributes: those of `targetRequests`. */
  targetEjections: 'headgate.target.ejections',
  /** Gauge, `{key}`: usable keys of an issuer. Attributes: `environmentId`, `issuer`. */
  issuerKeys: 'headgate.issuer.keys',
  /** Gauge, `s`: since the keys of an issuer were fetched. Attributes: the same. */
  issuerKeysAge: 'headgate.issuer.keys.age',
  /** Gauge: 1 when the issuer gave no answer the last time, else 0. Attributes: the same. */
  issuerFailing: 'headgate.issuer.failing',
  /** Sum, monotonic, `{fetch}`: times that keys were asked for. Attributes: the same. */
  issuerFetches: 'headgate.issuer.fetches',
  /** Sum, monotonic, `{proof}`: proofs and signatures that were refused because too many had to be remembered. */
  proofsOverflowed: 'headgate.proofs.overflowed',
  /** Sum, monotonic, `{handshake}`: TLS handshakes that failed or were refused. Attribute: `cause`. */
  handshakesRefused: 'headgate.tls.handshakes.refused',
  /** Sum, monotonic, `{connection}`: ended because a client certificate was revoked. Attribute: `environmentId`. */
  clientsRevoked: 'headgate.tls.clients.revoked',
  /**
   * Sum, monotonic, `{connection}`: connections and HTTP/2 streams that were refused because their source had as many as
   * one may. Attribute: `refused`.
   */
  sourceRefused: 'headgate.source.refused',
  /** Sum, monotonic, `{lock_out}`: lock-outs for bad credentials. Attributes: `environmentId`, `lockedOut`. */
  lockOuts: 'headgate.source.lock_outs',
  /** Sum, monotonic, `{request}`: ended in flight, with their credential or for the size of their body. Attributes: `environmentId`, `reason`. */
  streamsEnded: 'headgate.streams.ended',
  /** Gauge: 1 when the store of shared limits answers, 0 when it is away. Absent where no limit is shared. */
  limitStoreUp: 'headgate.limit.store.up',
  /** Gauge, `{agent}`: agents that count together, as known last. */
  limitStoreAgents: 'headgate.limit.store.agents',
  /** Sum, monotonic, `{call}`: calls by what they took. Attribute: `callMs`. */
  limitStoreCalls: 'headgate.limit.store.calls',
  /** Sum, monotonic, `{call}`: calls without an answer. */
  limitStoreErrors: 'headgate.limit.store.errors',
  /** Sum, monotonic, `ms`: what calls took in all. */
  limitStoreTime: 'headgate.limit.store.time',
  /** Sum, monotonic, `{event}`: times that the store was found away. */
  limitStoreAway: 'headgate.limit.store.away',
  /** Sum, monotonic, `{request}`: what became of requests at a limit. Attributes: `environmentId`, `policy`, `outcome`. */
  limitRequests: 'headgate.limit.requests',
  /** Gauge, `{counter}`: counters of limits that are not whole. Attribute: `algorithm`. */
  limitCounters: 'headgate.limit.counters',
  /** Sum, monotonic, `{counter}`: counters that were given up although they were not whole. Attribute: `algorithm`. */
  limitEvicted: 'headgate.limit.evicted',
  /** Sum, monotonic, `{request}`: could not be counted, because all counters of a place were held. Attribute: `algorithm`. */
  limitOverflowed: 'headgate.limit.overflowed',
  /** Gauge, `{connection}`: open client connections. */
  connections: 'headgate.connections',
} as const

/** Attributes of the data points. */
export const metricAttributes = {
  /** Upper bound of what a call took, in milliseconds; `+Inf`: longer. */
  callMs: 'headgate.limit.store.call_ms',
  /** Id, `env_...`; empty when no environment serves the host. */
  environmentId: 'headgate.environment.id',
  /** Name of the route; empty when none matched. */
  route: 'headgate.route',
  /** `allowed`, or why not. */
  reason: 'headgate.decision.reason',
  /** First digit of the status: 2, 3, 4, 5. */
  statusClass: 'headgate.status_class',
  /** Name of the service. */
  service: 'headgate.service',
  /** `low`, `normal`, `high` or `critical`. */
  priority: 'headgate.priority',
  /** Number of the serving thread. */
  worker: 'headgate.worker',
  /** Address of the target, as configured. */
  target: 'headgate.target',
  /** `usable`, or why it is left alone. */
  health: 'headgate.target.health',
  /** Name of the issuer. */
  issuer: 'headgate.issuer',
  /** A word from `listen/handshakes.ts`. */
  cause: 'headgate.tls.cause',
  /** `source`: an address; `prefix`: what credentials begin with that many guessed at. */
  lockedOut: 'headgate.locked_out',
  /** Name of a limit's policy; empty for limits of API keys. */
  policy: 'headgate.limit.policy',
  /** `taken`, `refused`, `shadow_exceeded` or `unavailable`. */
  outcome: 'headgate.limit.outcome',
  /** `rate`, `sliding_window`, `concurrency` or `quota`. */
  algorithm: 'headgate.limit.algorithm',
  /** `connection` or `stream`. */
  refused: 'headgate.refused',
  /** `control_plane` or `collector`. */
  receiver: 'headgate.telemetry.receiver',
  /** `allowed` or `refused` for decision records; `credential` for notes of the use of credentials. */
  kind: 'headgate.record.kind',
} as const

/** What happens beside requests, or to requests that were counted already. */
export type CountedEvent =
  | 'limit_store_away'
  | 'source_refused'
  | 'handshake_refused'
  | 'client_revoked'
  | 'lock_out'
  | 'stream_ended'

/** Upper bounds of the histogram's buckets, in seconds: those of the semantic conventions, and finer ones below. */
export const DURATION_BOUNDS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
] as const

/** Counters of one combination. The same object each time; as they were when `all` was read last. */
export interface Slot {
  readonly environmentId: string
  readonly route: string
  readonly reason: string
  readonly statusClass: number
  requests: number
  durationMsSum: number
  /** One more than there are bounds: the last is what lies above all. */
  readonly buckets: Float64Array
}

/** The slots. */
export interface Slots {
  /** Counts one answered request. */
  count(environmentId: string, route: string, reason: string, status: number, durationMs: number): void
  /** Counts one request that could not be read. */
  countMalformed(reason: string): void
  /** @param why a word of a fixed list; empty: nothing is told apart. */
  countEvent(event: CountedEvent, environmentId: string, why: string): void
  /** Brought up to date when it is read. */
  readonly all: readonly Slot[]
  readonly malformed: ReadonlyMap<string, number>
  /** By event, environment and why, with a space between. */
  readonly events: ReadonlyMap<string, number>
  /** What is known of the use of credentials since somebody took it. */
  readonly credentials: CredentialNotes
  /** What became of requests at each limit. */
  readonly limits: LimitCounts
}

/** Bound of the slots: far above any real configuration. Above it everything is counted in one slot without a route. */
const SLOTS_MAX = 100_000

/** Numbers of a slot: requests, sum of durations, buckets. Whole lines of the processor's cache, the first is the usual. */
const STRIDE = 24
const BUCKETS = 2
const BUCKET_COUNT = DURATION_BOUNDS_S.length + 1

/** Where the slots of one environment begin: by route, then by outcome. */
interface Places {
  /** Of requests that were allowed and went well. */
  readonly usual: Map<string, number>
  readonly others: Map<string, Map<string, number>>
}

export function createSlots(): Slots {
  const environments = new Map<string, Places>()
  const all: Slot[] = []
  // What is counted lies together, so that a request touches little memory; slots are filled from it when they are read.
  let numbers = new Float64Array(64 * STRIDE)
  const malformed = new Map<string, number>()
  const events = new Map<string, number>()
  // Of the environment that was counted last: mostly there is one.
  let lastId = ''
  let lastPlaces: Places | undefined

  function placesOf(environmentId: string): Places {
    if (lastPlaces !== undefined && lastId === environmentId) return lastPlaces
    lastId = environmentId
    lastPlaces = environments.get(environmentId)
    if (lastPlaces === undefined)
      environments.set(environmentId, (lastPlaces = { usual: new Map(), others: new Map() }))
    return lastPlaces
  }

  /** Where the numbers of a slot begin. */
  function find(environmentId: string, route: string, reason: string, statusClass: number): number {
    const { usual, others } = placesOf(environmentId)
    const isUsual = statusClass === 2 && reason === 'allowed'
    let places = isUsual ? usual : others.get(route)
    if (places === undefined) others.set(route, (places = new Map<string, number>()))
    // Reasons are few, so the short key is the same string object after the first time.
    const key = isUsual ? route : `${statusClass}${reason}`
    const place = places.get(key)
    if (place !== undefined) return place
    if (all.length >= SLOTS_MAX && route !== '') return find(environmentId, '', reason, statusClass)
    const added = all.length * STRIDE
    places.set(key, added)
    const buckets = new Float64Array(BUCKET_COUNT)
    all.push({ environmentId, route, reason, statusClass, requests: 0, durationMsSum: 0, buckets })
    if (added === numbers.length) {
      const more = new Float64Array(numbers.length * 2)
      more.set(numbers)
      numbers = more
    }
    return added
  }

  const add = (at: number, value: number): void => void (numbers[at] = (numbers[at] ?? 0) + value)

  return {
    get all() {
      for (const [index, slot] of all.entries()) {
        const at = index * STRIDE
        slot.requests = numbers[at] ?? 0
        slot.durationMsSum = numbers[at + 1] ?? 0
        const { buckets } = slot
        for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) buckets[bucket] = numbers[at + BUCKETS + bucket] ?? 0
      }
      return all
    },
    malformed,
    events,
    credentials: new CredentialNotes(),
    limits: new LimitCounts(),
    count: (environmentId, route, reason, status, durationMs) => {
      const at = find(environmentId, route, reason, Math.trunc(status / 100))
      add(at, 1)
      add(at + 1, durationMs)
      add(at + BUCKETS + bucketOf(durationMs / 1000), 1)
    },
    countMalformed: (reason) => {
      malformed.set(reason, (malformed.get(reason) ?? 0) + 1)
    },
    countEvent: (event, environmentId, why) => {
      const name = `${event} ${environmentId} ${why}`
      events.set(name, (events.get(name) ?? 0) + 1)
    },
  }
}

function bucketOf(seconds: number): number {
  for (let index = 0; index < DURATION_BOUNDS_S.length; index++) {
    // In bounds by the loop's condition.
    if (seconds <= (DURATION_BOUNDS_S[index] ?? Infinity)) return index
  }
  return DURATION_BOUNDS_S.length
}

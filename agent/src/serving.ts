/**
 * Everything that one thread needs to take requests and answer them, made and connected in one place.
 *
 * Reads what is live and nothing else of the agent: whoever makes it fills `live`, and is given counters and records.
 *
 * @module
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import { createCallers } from './auth/verify.ts'
import type { AgentSettings } from './config.ts'
import { Arena } from './http/arena.ts'
import { createEngine, createSharedParts } from './http/engine.ts'
import { createRequestIds } from './http/request-id.ts'
import { Http2Connector } from './http2/connector.ts'
import { listenH2c, takeHttp2 } from './http2/listen.ts'
import { createSessions } from './http2/sessions.ts'
import type { KnownKeys } from './issuers/known-keys.ts'
import type { IssuerPort } from './issuers/link.ts'
import type { CallerMemory } from './limits/callers.ts'
import { createLimits } from './limits/limits.ts'
import type { LockedOut } from './limits/lock-out.ts'
import { createLocalLimits } from './limits/local.ts'
import type { LocalMemory } from './limits/memory.ts'
import type { SharedLimitMemory } from './limits/shared/memory.ts'
import { openSharedLimits } from './limits/shared/open.ts'
import { type AdmissionSeat, createAdmission } from './listen/admission.ts'
import { type Certificates, createCertificates } from './listen/certificates.ts'
import { canWrapHandles } from './listen/handles.ts'
import { type Listener, listenHttp, listenHttps } from './listen/listeners.ts'
import { NetIo } from './listen/net-io.ts'
import type { TicketKeys } from './listen/ticket-keys.ts'
import { createUringBackend, RING_ROOM_BYTES } from './listen/uring/backend.ts'
import type { Live } from './live-table.ts'
import { createHandler } from './pipeline/handle.ts'
import { InFlight } from './pipeline/in-flight.ts'
import { Shedding } from './pipeline/shedding.ts'
import { ThreadLoad, type ThreadLoadState } from './pipeline/thread-load.ts'
import type { DecisionRecord } from './telemetry/events.ts'
import type { Slots } from './telemetry/metrics.ts'
import { createRecorder } from './telemetry/recorder.ts'
import type { ServiceSecrets } from './upstream/credentials/service-secrets.ts'
import { createUpstreams } from './upstream/forward.ts'
import type { ServiceState } from './upstream/state.ts'

export interface ServingOptions {
  readonly settings: AgentSettings
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly live: Live
  /** The same secret in all threads; whoever makes new ones hands them to all. */
  readonly tickets: TicketKeys
  /** What services are told and shown, as the main thread says. */
  readonly secrets: ServiceSecrets
  /** Counters of limits; the same in all threads. */
  readonly limitMemory: LocalMemory
  /** What is known of limits that agents share; the same in all threads. */
  readonly sharedMemory: SharedLimitMemory
  /** Where the thread notes what it holds of limits, for whoever outlives it. */
  readonly holdings: SharedArrayBuffer
  /** What is remembered of callers; the same in all threads. */
  readonly callerMemory: CallerMemory
  /** Where the thread counts what sources have open. */
  readonly admissionSeat: AdmissionSeat
  /** Keys of issuers, as they become known. */
  readonly knownKeys: KnownKeys
  /** Whoever talks to issuers. */
  readonly issuers: IssuerPort
  /** Notes what the thread opens past Node.js, for whoever outlives it. */
  readonly descriptors?: Int32Array
  /** Others listen on the same addresses. */
  readonly reusePort: boolean
  readonly clock: Clock
  readonly log: Log
  readonly slots: Slots
  /** Name of the agent. */
  readonly agent: () => string
  /** Takes a decision record. */
  readonly keep: (record: DecisionRecord) => void
}

/** Its disposal takes no new connections, and waits for what is being worked on, within the time of the settings. */
export interface Serving extends AsyncDisposable {
  readonly certificates: Certificates
  /** Open connections of clients. */
  readonly connections: number
  /** How much this thread has to do. */
  readonly load: ThreadLoadState
  /** What is known of services at this moment. */
  readonly services: readonly ServiceState[]
  /** Null where it is off. */
  readonly httpUrl: string | null
  readonly httpsUrl: string | null
  readonly h2cUrl: string | null
  readonly urls: readonly string[]
}

/** @throws when an address cannot be listened on. */
export async function createServing(options: ServingOptions): Promise<Serving> {
  const { settings, env, live, tickets, secrets, limitMemory, reusePort, clock, log, slots, agent, keep } = options
  const { callerMemory: memory, knownKeys: known, issuers } = options
  await using stack = new AsyncDisposableStack()

  const isUring = settings.io === 'uring'
  const arena = new Arena(isUring ? RING_ROOM_BYTES : 0)
  const io = new NetIo(arena, await canWrapHandles())
  const uring = isUring ? stack.use(await createUringBackend(arena, io, options.descriptors)) : null
  const shared = createSharedParts(settings, clock, arena)
  const http2 = stack.use(new Http2Connector(arena, shared.wheel))
  const upstreams = createUpstreams(
    shared,
    { http1: uring?.io ?? io, http2 },
    {
      connectionsMax: settings.upstreamConnectionsMax,
      queueMax: settings.upstreamQueueMax,
      env,
      zone: settings.zone ?? null,
      log: log.child({ area: 'upstream' }),
    },
  )
  stack.defer(() => upstreams.destroy())
  const retain = (): void => {
    upstreams.retain(live.environments())
    slots.limits.retain(live.environments())
  }
  stack.defer(live.onChange(retain))
  retain()

  const certificates = stack.use(
    createCertificates({ live, env, clock, profile: settings.tlsProfile, log: log.child({ area: 'listen' }) }),
  )
  const lockOut = { failuresMax: settings.lockOutFailures, lockedMsMax: settings.lockOutMsMax }
  const onLockedOut = (environmentId: string, what: LockedOut): void =>
    slots.countEvent('lock_out', environmentId, what)
  const callers = stack.use(createCallers({ live, env, clock, memory, lockOut, known, issuers, onLockedOut }))
  const { holdings } = options
  const { sharedMemory } = options
  const sharedLimits = openSharedLimits({
    settings,
    memory: sharedMemory,
    live,
    clock,
    log: log.child({ area: 'limits' }),
    onAway: () => slots.countEvent('limit_store_away', '', ''),
  })
  stack.use(sharedLimits)
  const localLimits = createLocalLimits({ memory: limitMemory, clock, holdings })
  const limits = createLimits(localLimits, sharedLimits.limits, slots.limits)
  const requestId = createRequestIds()
  const recorder = createRecorder({ slots, live, clock, agent, allowedPerS: settings.recordsAllowedPerS, keep })
  const inFlight = stack.use(new InFlight(clock))
  const load = stack.use(new ThreadLoad({ delayMs: settings.overloadDelayMs, monotonic: () => clock.monotonic() }))
  const onMalformed = (reason: string): void => slots.countMalformed(reason)
  const engine = stack.use(
    createEngine(shared, {
      log: log.child({ area: 'http' }),
      upstreams,
      requestId,
      handle: createHandler({
        live,
        clock,
        callers,
        limits,
        recorder,
        inFlight,
        bodyBytesMax: settings.bodyBytesMax,
        secrets,
        upstreams,
        shedding: new Shedding(load, Math.random),
        requestId,
      }),
      onMalformed,
    }),
  )

  const admission = createAdmission({
    settings,
    seat: options.admissionSeat,
    clock,
    log: log.child({ area: 'listen' }),
    onRefused: (what) => slots.countEvent('source_refused', '', what),
  })
  const sessions = createSessions(shared, { settings, engine, admission, onMalformed })

  await sharedLimits.prepare()
  const listeners: Listener[] = []
  // Disposal is in reverse: listeners close and connections drain before anything that they need goes.
  stack.defer(async () => {
    for (const listener of listeners) await closeBetween(listener, clock)
    sessions.drain()
    await engine.drain(settings.drainMs)
    sessions.destroy()
  })
  const listening = {
    ...settings,
    reusePort,
    engine,
    admission,
    io,
    clock,
    log: log.child({ area: 'http' }),
    onMalformed,
  }
  const { httpListen, httpsListen } = settings
  const onHttp = settings.httpH2c ? { ...listening, onPreface: takeHttp2({ ...listening, sessions }) } : listening
  const http =
    httpListen === undefined ? null : await (uring?.listen(httpListen, onHttp) ?? listenHttp(httpListen, onHttp))
  if (http !== null) listeners.push(http)
  const https =
    httpsListen === undefined
      ? null
      : await listenHttps(httpsListen, {
          ...listening,
          certificates,
          tickets,
          onHandshakeRefused: (cause) => slots.countEvent('handshake_refused', '', cause),
          onRevoked: (environmentId) => slots.countEvent('client_revoked', environmentId, ''),
          onHttp2: (socket, address, peer, place) =>
            sessions.accept(socket, { scheme: 'https', address, tls: socket.getProtocol(), peer, place }),
        })
  if (https !== null) listeners.push(https)
  const h2c = settings.h2cListen === undefined ? null : await listenH2c(settings.h2cListen, { ...listening, sessions })
  if (h2c !== null) listeners.push(h2c)

  const disposal = stack.move()
  return {
    certificates,
    get connections() {
      return engine.connections
    },
    get load() {
      return load.state()
    },
    get services() {
      return upstreams.state()
    },
    httpUrl: http?.url ?? null,
    httpsUrl: https?.url ?? null,
    h2cUrl: h2c?.url ?? null,
    urls: listeners.map(({ url }) => url),
    [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
  }
}

/** Longest search for a good moment to close a listener, in milliseconds. */
const CLOSE_SEARCH_MS_MAX = 2_000
/** A turn of the event loop in which nothing happened takes less, in milliseconds. */
const QUIET_TURN_MS = 0.1

/**
 * Closes a listener right after a turn of the event loop in which no connection waited, and nothing else did. What
 * waits when it is closed is lost: the kernel resets it, also where other threads listen on the same address, unless
 * `net.ipv4.tcp_migrate_req` is 1 (it is 0 by default; Linux 5.14).
 */
async function closeBetween(listener: Listener, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonic() + CLOSE_SEARCH_MS_MAX
  for (let startMs = clock.monotonic(); startMs < deadlineMs; startMs = clock.monotonic()) {
    const before = listener.accepted
    await turn()
    if (listener.accepted === before && clock.monotonic() - startMs < QUIET_TURN_MS) break
  }
  listener.close()
}

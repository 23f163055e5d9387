/**
 * The agent's long-lived objects, made and connected in one place, and taken apart in the right order.
 *
 * @module
 */
import { hostname } from 'node:os'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { AgentSettings } from './config.ts'
import { Arena } from './http/arena.ts'
import { createEngine, createSharedParts } from './http/engine.ts'
import { createRequestIds } from './http/request-id.ts'
import { createLocalLimits } from './limits/local.ts'
import { type AdminServer, createAdminServer } from './listen/admin.ts'
import { type Certificates, createCertificates } from './listen/certificates.ts'
import { type Listener, type ListenerOptions, listenHttp, listenHttps } from './listen/listeners.ts'
import { canWrapHandles, NetIo } from './listen/net-io.ts'
import { createLive, type Live } from './live.ts'
import { createHandler } from './pipeline/handle.ts'
import { createTelemetry, type Telemetry } from './telemetry/export.ts'
import type { ControlLink } from './telemetry/exporters.ts'
import { createSlots, type Slots } from './telemetry/metrics.ts'
import type { Gauges } from './telemetry/points.ts'
import { prometheusText } from './telemetry/prometheus.ts'
import { createRecorder } from './telemetry/recorder.ts'
import { createUpstreams } from './upstream/forward.ts'

/** What the connection to the control plane is given. It fills `live`, from disk and from the stream. */
export interface ControlParts {
  readonly settings: AgentSettings
  readonly version: string
  readonly live: Live
  readonly clock: Clock
  readonly log: Log
  /** Where requests are taken, such as `http://0.0.0.0:8080`, for people. */
  readonly listeners: readonly string[]
  /** To be called when there is an identity, and again when it is renewed. */
  readonly onIdentity: (identity: AgentIdentity) => void
}

/** Who the agent is to its control plane. */
export interface AgentIdentity {
  readonly agentName: string
  readonly link: ControlLink
}

export interface AppOptions {
  readonly settings: AgentSettings
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  /** Connects to the control plane; null: nothing but what the caller puts into `live`. */
  readonly control: ((parts: ControlParts) => Promise<AsyncDisposable>) | null
}

export interface App extends AsyncDisposable {
  readonly live: Live
  readonly certificates: Certificates
  readonly slots: Slots
  readonly telemetry: Telemetry
  /** Null where it is off. */
  readonly httpUrl: string | null
  readonly httpsUrl: string | null
  readonly adminUrl: string | null
}

function countUnusable({ unusable }: Certificates): Gauges['certificatesUnusable'] {
  const byEnvironment = Map.groupBy(unusable, ({ environmentId }) => environmentId)
  return [...byEnvironment].map(([environmentId, all]) => ({ environmentId, count: all.length }))
}

/** Longest time for the last telemetry at the end, in milliseconds. */
const FLUSH_MS_MAX = 2_000

export async function createApp(options: AppOptions): Promise<App> {
  const { settings, env, version, clock, log, control } = options
  const monotonic = (): number => clock.monotonic()
  await using stack = new AsyncDisposableStack()

  const live = createLive()
  const slots = createSlots()
  const requestId = createRequestIds()
  const limits = createLocalLimits(settings.limitKeysMax, monotonic)
  let agentName = settings.agentName ?? hostname()

  const listeners: Listener[] = []
  const gauges = (): Omit<Gauges, 'dropped'> => ({
    releases: live.environments().map(({ id, number }) => ({ environmentId: id, number })),
    certificatesUnusable: countUnusable(certificates),
    connections: engine.connections,
  })
  const telemetry = createTelemetry({
    settings,
    slots,
    gauges,
    agent: () => agentName,
    version,
    clock,
    log: log.child({ area: 'telemetry' }),
  })
  // Disposal is in reverse: first listeners drain, telemetry goes last and can tell about the rest.
  stack.defer(async () => await telemetry.close(FLUSH_MS_MAX))

  const arena = new Arena()
  const io = new NetIo(arena, await canWrapHandles())
  const shared = createSharedParts(settings, clock, arena, io)
  const upstreams = createUpstreams(shared, {
    connectionsMax: settings.upstreamConnectionsMax,
    queueMax: settings.upstreamQueueMax,
    restMs: settings.upstreamRestMs,
  })
  stack.defer(() => upstreams.destroy())
  live.onChange(() => upstreams.retain(live.environments().flatMap(({ release }) => [...release.services.values()])))

  const certificates = stack.use(createCertificates({ live, env, log: log.child({ area: 'listen' }) }))
  const recorder = createRecorder({
    slots,
    live,
    clock,
    agent: () => agentName,
    allowedPerS: settings.recordsAllowedPerS,
    keep: (record) => telemetry.keep(record),
  })
  const onMalformed = (reason: string): void => slots.countMalformed(reason)
  const engine = stack.use(
    createEngine(shared, {
      log: log.child({ area: 'http' }),
      upstreams,
      requestId,
      handle: createHandler({ live, clock, limits, recorder, requestId }),
      onMalformed,
    }),
  )
  const listening: ListenerOptions = { ...settings, engine, io, clock, log: log.child({ area: 'http' }), onMalformed }

  stack.defer(async () => {
    for (const listener of listeners) listener.close()
    await engine.drain(settings.drainMs)
  })
  const { httpListen, httpsListen, adminListen } = settings
  const http = httpListen === undefined ? null : await listenHttp(httpListen, listening)
  if (http !== null) listeners.push(http)
  const https = httpsListen === undefined ? null : await listenHttps(httpsListen, certificates, listening)
  if (https !== null) listeners.push(https)
  const admin: AdminServer | null =
    adminListen === undefined
      ? null
      : await createAdminServer(adminListen, {
          notReady: () => (live.environments().length === 0 ? 'no release is live yet' : null),
          metrics: () => prometheusText(slots, { ...gauges(), dropped: telemetry.dropped() }),
        })
  if (admin !== null) stack.use(admin)

  if (control !== null) {
    const parts: ControlParts = {
      settings,
      version,
      live,
      clock,
      log: log.child({ area: 'control' }),
      listeners: listeners.map(({ url }) => url),
      onIdentity: (identity) => {
        agentName = identity.agentName
        telemetry.useControlPlane(identity.link)
      },
    }
    stack.use(await control(parts))
  }
  log.info({ http: http?.url, https: https?.url, admin: admin?.url, version }, 'listening')

  const disposal = stack.move()
  return {
    live,
    certificates,
    slots,
    telemetry,
    httpUrl: http?.url ?? null,
    httpsUrl: https?.url ?? null,
    adminUrl: admin?.url ?? null,
    [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
  }
}

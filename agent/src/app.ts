/**
 * The agent's long-lived objects, made and connected in one place, and taken apart in the right order.
 *
 * Everything here is on the main thread, which holds the link to the control plane, the disk, telemetry and the admin
 * endpoint. Requests are taken on threads of their own (`workers/`).
 *
 * @module
 */
import { hostname } from 'node:os'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { SettingSource } from '@headgate/kit/settings.ts'
import type { AgentSettings } from './config.ts'
import { createIssuers, type Issuers } from './issuers/keeper.ts'
import { keepQuotas, loadQuotas } from './limits/quota-file.ts'
import { createQuotaMemory } from './limits/quota-table.ts'
import { createAdminServer } from './listen/admin.ts'
import type { CertificateProblem, Certificates } from './listen/certificates.ts'
import { rotateTicketSecrets, type TicketKeys, ticketSecret } from './listen/ticket-keys.ts'
import { createSharedLimitMemory, StoreState } from './limits/shared/memory.ts'
import { createLive, type LiveState } from './live.ts'
import { agentState } from './state.ts'
import { createTelemetry, type Telemetry } from './telemetry/export.ts'
import type { ControlLink } from './telemetry/exporters.ts'
import { issuerMeasures, limitMeasures, proofMeasures, serviceMeasures, threadMeasures } from './telemetry/measures.ts'
import { storeMeasures } from './telemetry/store-measures.ts'
import type { Gauges } from './telemetry/points.ts'
import { prometheusText } from './telemetry/prometheus.ts'
import type { Counters } from './telemetry/totals.ts'
import { keepCredentials } from './upstream/credentials/credential-keeper.ts'
import { targetGauges } from './upstream/state.ts'
import type { Listening } from './workers/messages.ts'
import type { OwnSide, ServingSide, SideOptions } from './workers/side.ts'
import { createThreads } from './workers/threads.ts'

/** What the connection to the control plane is given. It fills `live`, from disk and from the stream. */
export interface ControlParts {
  readonly settings: AgentSettings
  readonly version: string
  readonly live: LiveState
  readonly clock: Clock
  readonly log: Log
  /** Where requests are taken, such as `http://0.0.0.0:8080`, for people. */
  readonly listeners: () => readonly string[]
  /** To be called when there is an identity, and again when it is renewed. */
  readonly onIdentity: (identity: AgentIdentity) => void
  /** To be called with the key that the agent proves itself with, in DER (PKCS #8): as soon as there is one. Secret. */
  readonly onKey: (privateKey: Uint8Array) => void
  /** Resolves when requests are taken: what is large and not needed for that is loaded afterwards. */
  readonly serving: Promise<void>
}

/** Who the agent is to its control plane. */
export interface AgentIdentity {
  readonly agentName: string
  /** Name of the group that it is in. */
  readonly agentGroup: string
  readonly link: ControlLink
}

/** The connection to the control plane. Made once what is on disk is live. */
export interface ControlSide extends AsyncDisposable {
  /** For people; without secrets. */
  status(): object
}

export interface AppOptions {
  readonly settings: AgentSettings
  /** Where each setting comes from, for people; secrets are marks. */
  readonly sources: readonly SettingSource[]
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  /** Connects to the control plane; null: nothing but what the caller puts into `live`. */
  readonly control: ((parts: ControlParts) => Promise<ControlSide>) | null
  /** For serving threads: the module that runs `startThread` on them, and the machine's monotonic clock. */
  readonly threads: { readonly entry: URL; readonly machineNs: () => bigint } | null
}

export interface App extends AsyncDisposable {
  readonly live: LiveState
  /** Null where other threads serve. */
  readonly certificates: Certificates | null
  readonly tickets: TicketKeys | null
  readonly slots: Counters
  readonly telemetry: Telemetry
  readonly issuers: Issuers
  /** Null where it is off. */
  readonly httpUrl: string | null
  readonly httpsUrl: string | null
  readonly h2cUrl: string | null
  readonly adminUrl: string | null
  /** Puts a new serving thread in the place of each, one after the other; no connection is refused meanwhile. */
  restart(): Promise<void>
}

/** Longest time for the last telemetry at the end, in milliseconds. */
const FLUSH_MS_MAX = 2_000

export async function createApp(options: AppOptions): Promise<App> {
  const { settings, env, version, clock, log } = options
  await using stack = new AsyncDisposableStack()

  const live = createLive()
  const issuers = stack.use(createIssuers({ live, env, clock, log: log.child({ area: 'issuers' }) }))
  let agentName = settings.agentName ?? hostname()
  let listening: Listening | null = null
  let control: ControlSide | null = null
  let stopping = false
  const serving = Promise.withResolvers<void>()

  const firstSecret = ticketSecret()
  const keep: SideOptions['keep'] = (record) => telemetry.keep(record)
  const sharedMemory = createSharedLimitMemory()
  const limitStore = new StoreState(sharedMemory)
  const inFiles = { stateDir: settings.stateDir, clock, log: log.child({ area: 'limits' }) }
  // Who has no control plane keeps nothing on disk.
  const isKept = options.control !== null
  const { limitKeysMax } = settings
  const quotas = isKept ? await loadQuotas(limitKeysMax, inFiles) : createQuotaMemory(limitKeysMax)
  // Written for the last time when nothing is served any more.
  if (isKept) stack.use(keepQuotas(quotas, inFiles))
  const sideOptions = {
    settings,
    env,
    live,
    issuers,
    ticketSecret: firstSecret,
    sharedMemory,
    quotas,
    agentName,
    clock,
    log,
    keep,
  }
  const own = settings.workers === 0 ? await serveHere(sideOptions) : null
  const side: ServingSide = own ?? (await createThreads({ ...sideOptions, ...threadsOf(options) }))
  const credentials = stack.use(
    keepCredentials({
      live,
      env,
      clock,
      log: log.child({ area: 'upstream' }),
      tell: (secret) => side.useServiceSecret(secret),
    }),
  )

  const gauges = (): Omit<Gauges, 'dropped'> => {
    const { connections, certificatesUnusable, certificatesOutdated, services, proofsOverflowed, limits } =
      side.gauges()
    return {
      releases: live.environments().map(({ id, number }) => ({ environmentId: id, number })),
      certificatesUnusable: countByEnvironment(certificatesUnusable),
      certificatesOutdated: countByEnvironment(certificatesOutdated),
      ...targetGauges(services),
      measures: [
        ...serviceMeasures(services),
        ...threadMeasures(side.workers()),
        ...issuerMeasures(issuers.status()),
        ...proofMeasures(proofsOverflowed),
        ...limitMeasures(side.counters.limits, limits()),
        ...storeMeasures(limitStore.status(clock.monotonic())),
      ],
      connections,
    }
  }
  const telemetry = createTelemetry({
    settings,
    counters: side.counters,
    gauges,
    droppedBefore: () => side.gauges().dropped,
    serving: serving.promise,
    agent: () => agentName,
    version,
    clock,
    log: log.child({ area: 'telemetry' }),
  })
  // Disposal is in reverse: first nobody is ready any more, then listeners drain while the admin endpoint says so, and
  // telemetry goes last and can tell about the rest.
  stack.defer(async () => await telemetry.close(FLUSH_MS_MAX))
  // Nobody waits for what a start that failed does not reach.
  stack.defer(() => serving.resolve())

  const state = (): object =>
    agentState({
      ...options,
      agentName,
      startedAtMs,
      live,
      issuers,
      credentials,
      side,
      limitStore: limitStore.status(clock.monotonic()),
      listening,
      control: control?.status() ?? null,
    })
  const startedAtMs = clock.now()
  const admin =
    settings.adminListen === undefined
      ? null
      : await createAdminServer(settings.adminListen, {
          notReady: () => {
            if (stopping) return 'stopping'
            if (listening === null) return 'not listening yet'
            if (!side.workers().some((worker) => worker.state === 'serving')) return 'no thread serves'
            return live.environments().length === 0 ? 'no release is live yet' : null
          },
          metrics: async () => {
            await side.flush()
            return prometheusText(side.counters, { ...gauges(), dropped: telemetry.dropped() })
          },
          state,
          tls:
            settings.adminTls === undefined
              ? null
              : { ...settings.adminTls, env, profile: settings.tlsProfile, log: log.child({ area: 'admin' }) },
        })
  if (admin !== null) stack.use(admin)
  stack.use(side)
  stack.use(rotateTicketSecrets((secret) => side.useTicketSecret(secret)))

  if (options.control !== null) {
    control = await options.control({
      settings,
      version,
      live,
      clock,
      log: log.child({ area: 'control' }),
      listeners: () => urlsOf(listening),
      onIdentity: (identity) => {
        agentName = identity.agentName
        limitStore.useGroup(identity.agentGroup)
        side.useAgentName(agentName)
        telemetry.useControlPlane(identity.link)
      },
      onKey: (key) => side.useServiceSecret({ kind: 'identity key', key }),
      serving: serving.promise,
    })
    stack.use(control)
    stack.defer(() => serving.resolve())
  }
  // Only now, so that nobody is told that there is no release while it is still being read from disk.
  await live.settled()
  listening = await side.listen()
  serving.resolve()
  const { httpUrl, httpsUrl, h2cUrl } = listening
  log.info(
    { http: httpUrl, https: httpsUrl, h2c: h2cUrl, admin: admin?.url, version, workers: settings.workers },
    'listening',
  )
  stack.defer(() => void (stopping = true))

  const disposal = stack.move()
  return {
    live,
    certificates: own?.certificates ?? null,
    tickets: own?.tickets ?? null,
    slots: side.counters,
    telemetry,
    issuers,
    httpUrl,
    httpsUrl,
    h2cUrl,
    adminUrl: admin?.url ?? null,
    restart: async () => await side.restart(),
    [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
  }
}

/** Loaded only where the main thread serves: the HTTP engine is large. */
async function serveHere(options: SideOptions): Promise<OwnSide> {
  const { createOwnSide } = await import('./workers/side.ts')
  return createOwnSide(options)
}

function threadsOf({ threads }: AppOptions): NonNullable<AppOptions['threads']> {
  if (threads === null) throw new Error('serving threads need a module that starts them')
  return threads
}

function urlsOf(listening: Listening | null): string[] {
  return [listening?.httpUrl, listening?.httpsUrl, listening?.h2cUrl].filter((url) => typeof url === 'string')
}

function countByEnvironment(problems: readonly CertificateProblem[]): Gauges['certificatesUnusable'] {
  const byEnvironment = Map.groupBy(problems, ({ environmentId }) => environmentId)
  return [...byEnvironment].map(([environmentId, all]) => ({ environmentId, count: all.length }))
}

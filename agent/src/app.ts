/**
 * The agent's long-lived objects, made and connected in one place, and taken apart in the right order.
 *
 * @module
 */
import { hostname } from 'node:os'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { AgentSettings } from './config.ts'
import { type AdminServer, createAdminServer } from './listen/admin.ts'
import type { CertificateProblem, Certificates } from './listen/certificates.ts'
import { rotateTicketSecrets, TicketKeys, ticketSecret } from './listen/ticket-keys.ts'
import { createLimitMemory } from './limits/table.ts'
import { createLive, type LiveState } from './live.ts'
import { createServing } from './serving.ts'
import { createTelemetry, type Telemetry } from './telemetry/export.ts'
import type { ControlLink } from './telemetry/exporters.ts'
import { createSlots, type Slots } from './telemetry/metrics.ts'
import type { Gauges } from './telemetry/points.ts'
import { prometheusText } from './telemetry/prometheus.ts'

/** What the connection to the control plane is given. It fills `live`, from disk and from the stream. */
export interface ControlParts {
  readonly settings: AgentSettings
  readonly version: string
  readonly live: LiveState
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
  readonly live: LiveState
  readonly certificates: Certificates
  readonly tickets: TicketKeys
  readonly slots: Slots
  readonly telemetry: Telemetry
  /** Null where it is off. */
  readonly httpUrl: string | null
  readonly httpsUrl: string | null
  readonly h2cUrl: string | null
  readonly adminUrl: string | null
}

function countByEnvironment(problems: readonly CertificateProblem[]): Gauges['certificatesUnusable'] {
  const byEnvironment = Map.groupBy(problems, ({ environmentId }) => environmentId)
  return [...byEnvironment].map(([environmentId, all]) => ({ environmentId, count: all.length }))
}

/** Longest time for the last telemetry at the end, in milliseconds. */
const FLUSH_MS_MAX = 2_000

export async function createApp(options: AppOptions): Promise<App> {
  const { settings, env, version, clock, log, control } = options
  await using stack = new AsyncDisposableStack()

  const live = createLive()
  const slots = createSlots()
  let agentName = settings.agentName ?? hostname()

  const gauges = (): Omit<Gauges, 'dropped'> => ({
    releases: live.environments().map(({ id, number }) => ({ environmentId: id, number })),
    certificatesUnusable: countByEnvironment(serving.certificates.unusable),
    certificatesOutdated: countByEnvironment(serving.certificates.outdated),
    connections: serving.connections,
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

  const tickets = new TicketKeys(ticketSecret())
  stack.use(rotateTicketSecrets((secret) => tickets.replace(secret)))
  const serving = stack.use(
    await createServing({
      settings,
      env,
      live,
      tickets,
      limitMemory: createLimitMemory(settings.limitKeysMax),
      clock,
      log,
      slots,
      agent: () => agentName,
      keep: (record) => telemetry.keep(record),
    }),
  )
  const admin: AdminServer | null =
    settings.adminListen === undefined
      ? null
      : await createAdminServer(settings.adminListen, {
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
      listeners: serving.urls,
      onIdentity: (identity) => {
        agentName = identity.agentName
        telemetry.useControlPlane(identity.link)
      },
    }
    stack.use(await control(parts))
  }
  const { httpUrl, httpsUrl, h2cUrl, certificates } = serving
  log.info({ http: httpUrl, https: httpsUrl, h2c: h2cUrl, admin: admin?.url, version }, 'listening')

  const disposal = stack.move()
  return {
    live,
    certificates,
    tickets,
    slots,
    telemetry,
    httpUrl,
    httpsUrl,
    h2cUrl,
    adminUrl: admin?.url ?? null,
    [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
  }
}

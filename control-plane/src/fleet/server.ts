/**
 * The port that agents talk to: enrollment, renewal, streams, and their telemetry.
 *
 * One TLS listener for all of it. A client certificate is asked for and not required, because an agent that enrolls
 * has none; every method but Enroll closes itself (identify.ts). Server and agents trust the agent authority alone.
 *
 * Nothing here waits for Postgres to start listening, and nothing ends when Postgres does.
 *
 * @module
 */
import {
  type ServiceError,
  Server,
  type ServerCredentials,
  type UntypedServiceImplementation,
  type handleUnaryCall,
  experimental,
  status,
} from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import { DependencyError, errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import { CLIENT_LIFE_MS_MAX, pem } from '@headgate/kit/pki.ts'
import { newId } from '@headgate/kit/ids.ts'
import type { Database } from '@headgate/prisma'
import { FleetService, type Implementation, LogsService, MetricsService, serviceDefinition } from '@headgate/proto'
import { isDatabaseAway } from '#control-plane/db.ts'
import type { InstallationKeys } from '#control-plane/secrets/store.ts'
import type { TelemetryReceiver } from '#control-plane/telemetry/receiver.ts'
import { createBudget } from './budget.ts'
import { createContent } from './content/cache.ts'
import { createContentStore } from './content/store.ts'
import { type Answer, createEnrollment } from './enroll.ts'
import { type Identified, identify } from './identify.ts'
import { type JoinTokens, createJoinTokens } from './join-tokens.ts'
import { listenPostgres } from './listen.ts'
import { ACK_CHANNEL, CHANGE_CHANNEL, type FleetNotices, fleetNotices, readChangeNotice } from './notices.ts'
import { type Receipts, createReceipts } from './receipts/receipts.ts'
import { createReceiptStore } from './receipts/store.ts'
import { createHoldingWriter } from './receipts/writer.ts'
import { createFleetStore } from './store.ts'
import { createSubscriptions } from './subscribe.ts'
import { type FleetView, createFleetView } from './view.ts'

/** Largest message from an agent, in bytes: a batch of telemetry. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024

/** Bytes on their way to agents, over all streams. */
const PUSH_BYTES_MAX = 64 * 1024 * 1024

/** How often a silent connection is probed, and how long for an answer, in milliseconds. */
const KEEPALIVE_MS = 10_000

/** Streams and calls of one connection. An agent has one stream and a few exports. */
const STREAMS_MAX = 100

/** Longest wait for calls in flight when the process stops, in milliseconds. */
const DRAIN_MS = 2_000

export interface FleetSettings {
  /** Where to listen, `host:port`; port 0: any free one. */
  readonly listen: string
  /** How agents reach it, `host:port`; written into join tokens. Null: the address that it listens on. */
  readonly advertise: string | null
  /** Life of an agent's certificate; default and most 24 h. */
  readonly certificateLifeMs?: number
}

/** What the rest of the control plane asks of the fleet. */
export interface FleetHub extends FleetNotices, JoinTokens, Pick<Receipts, 'waitForDirectory' | 'waitForRelease'> {
  /** Id of this control plane process. */
  readonly controlPlaneId: string
  /** Where agents are told to connect, `host:port`. */
  readonly address: string
  /** The port that is listened on. */
  readonly port: number
  /** Agents with a stream to this process. */
  connectedHere(): readonly string[]
}

interface FleetOptions {
  readonly settings: FleetSettings
  readonly db: Database
  readonly databaseUrl: string
  readonly keys: InstallationKeys
  readonly telemetry: TelemetryReceiver
  readonly clock: Clock
  readonly log: Log
}

/** @throws Error when the address cannot be listened on. */
export async function createFleet(options: FleetOptions): Promise<FleetHub & AsyncDisposable> {
  const { settings, db, databaseUrl, keys, clock, log } = options
  await using stack = new AsyncDisposableStack()
  const controlPlaneId = newId('cpl', clock.now())
  const store = createFleetStore(db)
  const receiptStore = createReceiptStore(db)
  const contentStore = createContentStore(db)

  // Closed after the streams have ended, which its waiting for calls in flight would otherwise wait for.
  const server = createServer()
  stack.defer(() => close(server, clock))
  const receipts = createReceipts({ store: receiptStore, clock })
  const writer = stack.use(createHoldingWriter({ store: receiptStore, controlPlaneId, clock, log }))
  const subscriptions = createSubscriptions({
    controlPlaneId,
    store,
    // Made below, before the first stream can open: the two know each other.
    view: () => view,
    content: createContent(contentStore),
    budget: createBudget(PUSH_BYTES_MAX),
    clock,
    log,
    onHolding: (holding) => writer.put(holding),
    onServed: (agentId, environmentIds) => writer.keepOnly(agentId, environmentIds),
  })
  const view: FleetView = stack.use(
    createFleetView({
      content: contentStore,
      fleet: store,
      clock,
      log,
      connectedAgents: () => subscriptions.connected(),
      onView: (rows, asked) => subscriptions.onView(rows, asked),
    }),
  )
  stack.use(subscriptions)
  stack.use(
    listenPostgres({
      url: databaseUrl,
      channels: [CHANGE_CHANNEL, ACK_CHANNEL],
      clock,
      log,
      onNotification: (channel, payload) => {
        if (channel === ACK_CHANNEL) receipts.wake(payload)
        else view.wake(readChangeNotice(payload))
      },
      onReconnect: () => {
        view.wake(null)
        receipts.wake(null)
      },
    }),
  )

  const enrollment = createEnrollment({
    store,
    keys,
    certificateLifeMs: settings.certificateLifeMs ?? CLIENT_LIFE_MS_MAX,
    clock,
    log,
  })
  const fleet: Implementation<typeof FleetService> = {
    enroll: unary(log, clock, (request) => enrollment.enroll(request)),
    renew: unary(log, clock, (request, caller) => enrollment.renew(request, caller)),
    subscribe: (call) => subscriptions.subscribe(call),
  }
  const logs: Implementation<typeof LogsService> = {
    export: unary(log, clock, (request, caller) => options.telemetry.receiveLogs(request, caller)),
  }
  const metrics: Implementation<typeof MetricsService> = {
    export: unary(log, clock, (request, caller) => options.telemetry.receiveMetrics(request, caller)),
  }

  // The handlers are typed above; grpc-js wants an index signature that interfaces do not have.
  server.addService(serviceDefinition(FleetService), fleet as unknown as UntypedServiceImplementation)
  server.addService(serviceDefinition(LogsService), logs as unknown as UntypedServiceImplementation)
  server.addService(serviceDefinition(MetricsService), metrics as unknown as UntypedServiceImplementation)
  const port = await listen(server, settings.listen, serverCredentials(keys))
  const address = settings.advertise ?? settings.listen.replace(/:0$/, `:${port}`)
  log.info({ listen: settings.listen, port, address, control_plane_id: controlPlaneId }, 'agents may connect')

  const disposal = stack.move()
  return {
    ...fleetNotices,
    ...createJoinTokens({ authority: keys.agentAuthority.certificate, address, clock }),
    waitForDirectory: (...wait) => receipts.waitForDirectory(...wait),
    waitForRelease: (...wait) => receipts.waitForRelease(...wait),
    controlPlaneId,
    address,
    port,
    connectedHere: () => subscriptions.connected(),
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  }
}

function createServer(): Server {
  return new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
    'grpc.max_concurrent_streams': STREAMS_MAX,
  })
}

/** Asks for a client certificate without requiring one. grpc-js' plain `createSsl` can only do both or neither. */
function serverCredentials({ agentAuthority, linkServer }: InstallationKeys): ServerCredentials {
  const authority = Buffer.from(pem('CERTIFICATE', agentAuthority.certificate))
  // With the authority in the chain: a new agent knows only its hash and has to see it.
  const certificate = Buffer.concat([Buffer.from(pem('CERTIFICATE', linkServer.certificate)), authority])
  const privateKey = Buffer.from(pem('PRIVATE KEY', linkServer.privateKey))
  const provider: experimental.CertificateProvider = {
    addCaCertificateListener: (listener) => listener({ caCertificate: authority }),
    removeCaCertificateListener: () => {},
    addIdentityCertificateListener: (listener) => listener({ certificate, privateKey }),
    removeIdentityCertificateListener: () => {},
  }
  const credentials = experimental.createCertificateProviderServerCredentials(provider, provider, false)
  // The provider is asked when somebody watches; the listener is made from what is known before that.
  const watcher = (): void => {}
  credentials._addWatcher(watcher)
  credentials._removeWatcher(watcher)
  return credentials
}

/** A handler for one answer: identifies the caller, and keeps what is thrown from reaching it. */
function unary<Request, Response>(
  log: Log,
  clock: Clock,
  handle: (request: Request, caller: Identified) => Promise<Answer<Response>>,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    handle(call.request, identify(call, clock)).then(
      (answer) => {
        if (answer.kind === 'ok') callback(null, answer.message)
        else callback(answer.refusal)
      },
      (error: unknown) => {
        // That the database is away is said once, by whoever looks at it all the time (view.ts).
        const level = isDatabaseAway(error) ? 'debug' : 'warn'
        log[level]({ method: call.getPath(), why: errorText(error) }, 'could not answer an agent')
        const details =
          error instanceof DependencyError ? error.publicMessage : 'the control plane cannot answer at the moment'
        callback({ code: status.UNAVAILABLE, details } satisfies Partial<ServiceError>)
      },
    )
  }
}

function listen(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)))
  })
}

async function close(server: Server, clock: Clock): Promise<void> {
  const closed = new Promise<void>((resolve) => server.tryShutdown(() => resolve()))
  const cut = new AbortController()
  await Promise.race([closed, clock.sleep(DRAIN_MS, cut.signal).catch(() => {})])
  cut.abort()
  server.forceShutdown()
}

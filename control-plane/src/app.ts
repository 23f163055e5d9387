/**
 * The control plane's long-lived objects, made and connected in one place, and taken apart in the right order.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import { type Database, createDatabase } from '@headgate/prisma'
import { hostname } from 'node:os'
import type { ControlPlaneSettings } from './config.ts'
import { CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS } from './db.ts'
import { createFleet } from './fleet/server.ts'
import { watchFirstRun } from './operators/first-run.ts'
import { sweepOperators } from './operators/sweep.ts'
import { prepareDatabase } from './prepare.ts'
import { openScannerKeys } from './leaked-keys/scanner-keys.ts'
import { type ApplicationOptions, createApplication } from './rest/application.ts'
import { ownCertificate, readTlsFiles } from './rest/certificate.ts'
import { createHandlers } from './rest/handlers.ts'
import { createHealth } from './rest/health.ts'
import { createLimiter } from './rest/limiter.ts'
import type { RouterOptions } from './rest/router.ts'
import { listenRest } from './rest/server.ts'
import { dashboardDirectory } from './rest/static-files.ts'
import { createSealer } from './secrets/seal.ts'
import { loadInstallationKeys } from './secrets/store.ts'
import { createTelemetryReceiver } from './telemetry/receiver.ts'

export interface AppOptions {
  readonly settings: ControlPlaneSettings
  readonly version: string
  readonly clock: Clock
  readonly log: Log
  /** Fires when the process stops; what is in flight is finished all the same. */
  readonly stop: AbortSignal
  /** Takes the first-run link when no file is set. */
  readonly print: (line: string) => void
}

export interface App extends AsyncDisposable {
  readonly db: Database
  readonly publicUrl: string
  readonly restPort: number
  /** `host:port`, as join tokens name it. */
  readonly linkAddress: string
  /** Certificate of the REST listener, PEM. */
  readonly certificate: string
}

export async function createApp({ settings, version, clock, log, stop, print }: AppOptions): Promise<App> {
  await using stack = new AsyncDisposableStack()
  const { databaseUrl, restListen } = settings
  const startedAtMs = clock.now()
  await prepareDatabase({ databaseUrl, clock, log, stop })
  const db = stack.use(
    createDatabase(databaseUrl, {
      poolMax: settings.databaseConnectionsMax,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      applicationName: 'headgate-control-plane',
      onConnectionError: (error) => log.warn({ why: error.message }, 'a database connection broke'),
    }),
  )
  const keys = await loadInstallationKeys({ db, sealer: createSealer(settings.masterKey), clock })
  const telemetry = stack.use(
    createTelemetryReceiver({ db, retention: settings.retention, clock, log: log.child({ area: 'telemetry' }) }),
  )
  const fleet = stack.use(
    await createFleet({
      settings: { listen: addressText(settings.linkListen), advertise: settings.linkAddress ?? null },
      db,
      databaseUrl,
      keys,
      telemetry,
      clock,
      log: log.child({ area: 'fleet' }),
    }),
  )

  const publicUrl = settings.publicUrl ?? `https://localhost:${restListen.port}`
  const tls =
    settings.tls === undefined
      ? await ownCertificate({
          directory: settings.stateDir,
          hosts: ownNames(publicUrl, restListen),
          nowMs: startedAtMs,
        })
      : await readTlsFiles(settings.tls)
  const application = createApplication({
    services: { db, clock, log: log.child({ area: 'rest' }), fleet, signer: keys.signer, publicUrl },
    handlers: createHandlers(),
    limits: createLimits(settings, clock),
    health: createHealth({
      pingDatabase: async () => void (await db.$queryRaw`select 1`),
      stop,
      startedAtMs,
      agents: () => fleet.connectedHere().length,
    }),
    leaks: await openLeaks(settings, clock, log),
    version,
    stop,
    dashboard: dashboardDirectory(),
  })
  // Before anybody can ask whether this process is ready: who sees that it is may use the link.
  stack.use(await watchFirstRun({ db, clock, log, publicUrl, file: settings.firstRunFile, print }))
  const rest = stack.use(await listenRest({ application, tls, listen: restListen, drainMs: settings.drainMs }))
  stack.use(sweepOperators({ db, clock, log }))
  log.info({ listen: addressText({ ...restListen, port: rest.port }), public_url: publicUrl }, 'operators may connect')

  const disposal = stack.move()
  return {
    db,
    publicUrl,
    restPort: rest.port,
    linkAddress: fleet.address,
    certificate: tls.cert,
    [Symbol.asyncDispose]: () => disposal.disposeAsync(),
  }
}

/** @throws Error when the file with the keys of scanners cannot be used. */
async function openLeaks(
  { leaks }: ControlPlaneSettings,
  clock: Clock,
  log: Log,
): Promise<ApplicationOptions['leaks']> {
  if (leaks === undefined) return null
  return { keys: await openScannerKeys({ file: leaks.scannerKeysFile, clock, log }), action: leaks.action }
}

function createLimits({ requestsPerS, welcomesPerMin }: ControlPlaneSettings, clock: Clock): RouterOptions['limits'] {
  const steady = { clock, requests: requestsPerS, windowMs: 1_000, burst: requestsPerS * 4 }
  return {
    address: createLimiter(steady),
    operator: createLimiter(steady),
    anonymous: createLimiter({ clock, requests: welcomesPerMin, windowMs: 60_000, burst: welcomesPerMin }),
  }
}

function ownNames(publicUrl: string, { host }: ListenAddress): string[] {
  const names = [
    'localhost',
    '127.0.0.1',
    '::1',
    hostname(),
    new URL(publicUrl).hostname.replaceAll(/[[\]]/g, ''),
    host,
  ]
  return [...new Set(names)].filter((name) => name !== '' && name !== '0.0.0.0' && name !== '::')
}

function addressText({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

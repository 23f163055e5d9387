/**
 * Settings of the control plane: the process environment as one typed, frozen object.
 *
 * Read once by `main.ts`; everybody else is given what they need.
 *
 * @module
 */
import { type LogLevel, logLevels } from '@headgate/kit/log.ts'
import {
  type ListenAddress,
  type SettingSource,
  choice,
  defineSettings,
  integer,
  listenAddress,
  readSettings,
  secret,
  text,
} from '@headgate/kit/settings.ts'
import { type LeakAction, leakActions } from './leaked-keys/action.ts'
import { readMasterKey } from './secrets/master-key.ts'

const settings = defineSettings({
  DATABASE_URL: secret({
    doc: 'Postgres, postgresql://user:password@host/database; DATABASE_URL counts too',
    optional: true,
  }),
  MASTER_KEY: secret({ doc: '32 bytes as base64 or hex that open the stored private keys: openssl rand -base64 32' }),
  REST_LISTEN: listenAddress({
    doc: 'Where operators connect (HTTPS): host:port or [ipv6]:port',
    default: '127.0.0.1:7600',
  }),
  LINK_LISTEN: listenAddress({
    doc: 'Where agents connect (gRPC over TLS): host:port or [ipv6]:port',
    default: '127.0.0.1:7443',
  }),
  PUBLIC_URL: text({
    doc: 'How operators reach it; default: https://localhost with the port of REST_LISTEN',
    optional: true,
  }),
  LINK_ADDRESS: text({
    doc: 'How agents reach it, host:port, written into join tokens; default: LINK_LISTEN',
    optional: true,
  }),
  STATE_DIR: text({
    doc: 'Folder for the certificate that is made when TLS_CERT is not given',
    default: '.headgate/control-plane',
  }),
  TLS_CERT: text({ doc: 'File with the certificate chain of REST_LISTEN (PEM); needs TLS_KEY', optional: true }),
  TLS_KEY: text({ doc: 'File with the private key of TLS_CERT (PEM)', optional: true }),
  FIRST_RUN_FILE: text({ doc: 'File that takes the first-run link; default: standard output', optional: true }),
  LOG_LEVEL: choice({ doc: 'Least severe line that is logged', oneOf: logLevels, default: 'info' }),
  DRAIN_MS: integer({
    doc: 'Longest time for requests in flight after SIGTERM, in milliseconds',
    default: 30_000,
    min: 0,
    max: 600_000,
  }),
  REQUESTS_PER_S: integer({
    doc: 'Admin API requests per second of one operator, and of one address',
    default: 100,
    min: 1,
    max: 100_000,
  }),
  WELCOMES_PER_MIN: integer({ doc: 'Uses of welcome links per minute and address', default: 20, min: 1, max: 100_000 }),
  DATABASE_CONNECTIONS_MAX: integer({ doc: 'Connections to Postgres', default: 10, min: 2, max: 1_000 }),
  RECORDS_MAX: integer({
    doc: 'Decision records that are kept per environment',
    default: 1_000_000,
    min: 1_000,
    max: 1_000_000_000,
  }),
  RECORDS_HOURS: integer({ doc: 'How long decision records are kept, in hours', default: 168, min: 1, max: 8_760 }),
  SCANNER_KEYS_FILE: text({
    doc: 'File with the public keys of programmes that report leaked keys to /v1/leaked-keys, as they publish them (JSON); default: off',
    optional: true,
  }),
  LEAKED_KEYS: choice({
    doc: 'What is done with a key that is reported as leaked',
    oneOf: leakActions,
    default: 'revoke',
  }),
  TRAFFIC_HOURS: integer({
    doc: 'How long counts per minute and security events are kept, in hours',
    default: 720,
    min: 1,
    max: 87_600,
  }),
})

/** Names that the command line owns; a shell that has them set may start a control plane too. */
const SHARED = ['URL', 'TOKEN', 'CA_FILE', 'CONTEXT', 'TENANT', 'ENVIRONMENT'].flatMap((name) => [
  `HEADGATE_${name}`,
  `HEADGATE_${name}_FILE`,
])

const HOUR_MS = 3_600_000

/** What the control plane is told from outside. */
export interface ControlPlaneSettings {
  /** Secret: holds a password. */
  readonly databaseUrl: string
  /** Secret. */
  readonly masterKey: Uint8Array
  readonly restListen: ListenAddress
  readonly linkListen: ListenAddress
  /** Without a slash at the end. */
  readonly publicUrl: string | undefined
  readonly linkAddress: string | undefined
  /** May be relative to the working directory. */
  readonly stateDir: string
  /** Paths; undefined: a certificate of our own. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  readonly firstRunFile: string | undefined
  readonly logLevel: LogLevel
  readonly drainMs: number
  readonly requestsPerS: number
  readonly welcomesPerMin: number
  readonly databaseConnectionsMax: number
  /** Undefined: nobody can report leaked keys. */
  readonly leaks: { readonly scannerKeysFile: string; readonly action: LeakAction } | undefined
  readonly retention: { readonly rowsMax: number; readonly recordsMs: number; readonly minutesMs: number }
}

export type ControlPlaneSettingsRead =
  | { readonly kind: 'ok'; readonly settings: ControlPlaneSettings; readonly sources: readonly SettingSource[] }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] }

/** Names of all settings with their defaults and meaning, for `--help`. */
export const settingsReference: readonly { readonly name: string; readonly fallback: string; readonly doc: string }[] =
  Object.entries(settings).map(([key, { doc, fallback }]) => ({
    name: `HEADGATE_${key}`,
    fallback: fallback ?? '',
    doc,
  }))

/** Reads the settings; every problem at once. `env` is `process.env` or a table of a test. */
export function readControlPlaneSettings(env: Readonly<Record<string, string | undefined>>): ControlPlaneSettingsRead {
  const read = readSettings(settings, env, SHARED)
  if (read.kind === 'invalid') return read
  const { values } = read
  const problems: string[] = []
  const require = <T>(value: T | undefined, problem: string): T | undefined => {
    if (value === undefined) problems.push(problem)
    return value
  }
  const masterKey = readMasterKey(values.MASTER_KEY)
  if (masterKey.kind === 'invalid') problems.push(`HEADGATE_MASTER_KEY ${masterKey.problem}`)
  const databaseUrl = require(values.DATABASE_URL ??
    env['DATABASE_URL'], 'HEADGATE_DATABASE_URL is missing: Postgres, postgresql://user:password@host/database')
  if (databaseUrl !== undefined && !/^postgres(?:ql)?:\/\//.test(databaseUrl))
    problems.push('HEADGATE_DATABASE_URL must begin with postgresql://')
  const restListen = require(values.REST_LISTEN, 'HEADGATE_REST_LISTEN may not be off')
  const linkListen = require(values.LINK_LISTEN, 'HEADGATE_LINK_LISTEN may not be off')
  const publicUrl = values.PUBLIC_URL?.replace(/\/+$/, '')
  if (publicUrl !== undefined && !isOrigin(publicUrl))
    problems.push(`HEADGATE_PUBLIC_URL=${publicUrl} must be https:// with host and port only`)
  const { LINK_ADDRESS: linkAddress, TLS_CERT: certFile, TLS_KEY: keyFile } = values
  if (linkAddress !== undefined && !/^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}$/.test(linkAddress)) {
    problems.push(`HEADGATE_LINK_ADDRESS=${linkAddress} must be host:port or [ipv6]:port`)
  }
  if ((certFile === undefined) !== (keyFile === undefined))
    problems.push('HEADGATE_TLS_CERT and HEADGATE_TLS_KEY need each other')
  if (
    problems.length > 0 ||
    masterKey.kind === 'invalid' ||
    databaseUrl === undefined ||
    restListen === undefined ||
    linkListen === undefined
  ) {
    return { kind: 'invalid', problems }
  }
  return {
    kind: 'ok',
    sources: read.sources,
    settings: Object.freeze({
      databaseUrl,
      masterKey: masterKey.masterKey,
      restListen,
      linkListen,
      publicUrl,
      linkAddress,
      stateDir: values.STATE_DIR,
      tls: certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile },
      firstRunFile: values.FIRST_RUN_FILE,
      logLevel: values.LOG_LEVEL,
      drainMs: values.DRAIN_MS,
      requestsPerS: values.REQUESTS_PER_S,
      welcomesPerMin: values.WELCOMES_PER_MIN,
      databaseConnectionsMax: values.DATABASE_CONNECTIONS_MAX,
      leaks:
        values.SCANNER_KEYS_FILE === undefined
          ? undefined
          : { scannerKeysFile: values.SCANNER_KEYS_FILE, action: values.LEAKED_KEYS },
      retention: {
        rowsMax: values.RECORDS_MAX,
        recordsMs: values.RECORDS_HOURS * HOUR_MS,
        minutesMs: values.TRAFFIC_HOURS * HOUR_MS,
      },
    }),
  }
}

function isOrigin(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'https:' && new URL(url).origin === url
}

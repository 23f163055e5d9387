/**
 * Settings of the agent: the process environment as one typed, frozen object.
 *
 * Read once by `main.ts`; everybody else is given what they need. Every bound that keeps a hostile client or a
 * broken service from taking the whole process is here, with its unit and the reason for its default.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import type { AddressRange, TlsProfile } from '@headgate/core'
import { type LogLevel, logLevels } from '@headgate/kit/log.ts'
import {
  choice,
  defineSettings,
  flag,
  integer,
  type ListenAddress,
  listenAddress,
  readSettings,
  secret,
  type SettingSource,
  text,
} from '@headgate/kit/settings.ts'
import type { AdminTlsSettings } from './listen/admin-tls.ts'
import { secretReference } from './listen/secrets.ts'
import { type RedisAddress, redisAddress } from './limits/shared/redis-address.ts'
import { proxyRanges } from './trusted-proxies.ts'

const settings = defineSettings({
  HTTP_LISTEN: listenAddress({ doc: 'Where to serve HTTP: host:port, [ipv6]:port or off', default: '127.0.0.1:8080' }),
  HTTPS_LISTEN: listenAddress({
    doc: 'Where to serve HTTPS: host:port, [ipv6]:port or off. Serves the names of live certificates only',
    default: '127.0.0.1:8443',
  }),
  H2C_LISTEN: listenAddress({
    doc: 'Where to serve HTTP/2 without TLS to clients that know that it is there, such as gRPC inside a network. Over HTTPS it is always offered',
    default: 'off',
  }),
  HTTP_H2C: flag({
    doc: 'Serve HTTP/2 without TLS on HTTP_LISTEN too, to clients that begin with it (prior knowledge). Upgrade: h2c is never followed',
    default: false,
  }),
  IO: choice({
    doc: 'What carries plain connections: sockets of Node.js (net), or an io_uring of Linux 6.1 or newer (uring). TLS is on sockets always',
    oneOf: ['net', 'uring'],
    default: 'net',
  }),
  ADMIN_LISTEN: listenAddress({
    doc: 'Where to serve /livez, /readyz, /metrics and /state. Off unless set, because nobody signs in there',
    default: 'off',
  }),
  ADMIN_CERTIFICATE: secretReference({
    doc: 'Chain that ADMIN_LISTEN presents over TLS, in PEM: file:///path or env://NAME. With it go ADMIN_KEY and ADMIN_CLIENT_CA; all are read again when they change',
  }),
  ADMIN_KEY: secretReference({ doc: 'Key of ADMIN_CERTIFICATE, in PEM: file:///path or env://NAME', isKey: true }),
  ADMIN_CLIENT_CA: secretReference({
    doc: 'Authorities of whoever may use ADMIN_LISTEN, in PEM: file:///path or env://NAME. Who shows no certificate of theirs is refused in the handshake',
  }),
  ADMIN_PROBES_OPEN: flag({
    doc: 'Answer /livez and /readyz on such an ADMIN_LISTEN also without a certificate, for a kubelet, which has none',
    default: false,
  }),
  TRUSTED_PROXIES: proxyRanges({
    doc: 'Addresses of the proxies in front, as ranges between commas. They are believed when they say who asked them, and over http or https; nobody else is',
  }),
  TLS_PROFILE: choice({
    doc: 'What is spoken over HTTPS: intermediate is TLS 1.2 and 1.3, modern is TLS 1.3 only. A certificate may ask for modern',
    oneOf: ['modern', 'intermediate'],
    default: 'intermediate',
  }),
  ADMIN_OPEN: flag({
    doc: 'Serve ADMIN_LISTEN also to other machines, although nobody signs in there. Not needed with ADMIN_CERTIFICATE',
    default: false,
  }),
  WORKERS: text({ doc: 'Threads that serve: a number, or auto for one per core', default: 'auto' }),
  STATE_DIR: text({
    doc: 'Folder for identity and the last known releases; private to the agent',
    default: '.headgate/agent',
  }),
  JOIN_TOKEN: secret({
    doc: 'One-time join token (hgj_...); needed once, before the agent has an identity',
    optional: true,
  }),
  AGENT_NAME: text({ doc: 'Name the agent asks for; default: the host name', optional: true }),
  LOG_LEVEL: choice({ doc: 'Least severe line that is logged', oneOf: logLevels, default: 'info' }),
  DRAIN_MS: integer({
    doc: 'Longest time for requests in flight after SIGTERM, in milliseconds',
    default: 30_000,
    min: 0,
    max: 600_000,
  }),

  CONNECTIONS_MAX: integer({
    doc: 'Client connections per listener; more are closed at once',
    default: 10_000,
    min: 1,
    max: 1_000_000,
  }),
  CONNECTIONS_PER_SOURCE_MAX: integer({
    // A tenth of what a listener takes. Browsers hold six at most, pools of clients some hundred; whole companies may
    // share an address.
    doc: 'Connections from one address (IPv6: one /64) over all listeners and threads, and streams of HTTP/2 beside them; more are reset at once. Declared proxies are not bounded. 0: no bound',
    default: 1_000,
    min: 0,
    max: 1_000_000,
  }),
  HANDSHAKES_MAX: integer({
    doc: 'TLS handshakes at a time; above, the oldest gives way. 40 KiB each',
    default: 2_000,
    min: 1,
    max: 1_000_000,
  }),
  HANDSHAKES_PER_SOURCE_PER_S: integer({
    // A full one takes some 0.5 ms: a twentieth of a core for one address.
    doc: 'TLS handshakes from one address (IPv6: one /64) in the long run, per second; more are reset before they begin. Declared proxies are not bounded. 0: no bound',
    default: 100,
    min: 0,
    max: 1_000_000,
  }),
  HANDSHAKES_PER_SOURCE_BURST: integer({
    // As many as there may be connections: whoever lost them all may come back at once.
    doc: 'The same at once',
    default: 1_000,
    min: 1,
    max: 1_000_000,
  }),
  HEAD_TIMEOUT_MS: integer({
    doc: 'Longest time for a TLS handshake, and for the head of a request to arrive, in milliseconds',
    default: 10_000,
    min: 100,
    max: 120_000,
  }),
  REQUEST_TIMEOUT_MS: integer({
    doc: 'Longest time for a whole request, with its body, to arrive, in milliseconds; 0: no bound',
    default: 300_000,
    min: 0,
    max: 86_400_000,
  }),
  CLIENT_IDLE_MS: integer({
    doc: 'Longest time without one byte of a body that the client owes or does not take, in milliseconds',
    default: 15_000,
    min: 100,
    max: 600_000,
  }),
  KEEP_ALIVE_MS: integer({
    doc: 'How long a connection without a request is kept, in milliseconds',
    default: 60_000,
    min: 100,
    max: 3_600_000,
  }),
  CONNECTION_REQUESTS_MAX: integer({
    doc: 'Requests over one connection of a client; the last one is answered with Connection: close',
    default: 10_000,
    min: 1,
    max: 1_000_000_000,
  }),
  BODY_BYTES_PER_S_MIN: integer({
    // IIS and Apache draw the line here too.
    doc: 'Slowest body of a request that is waited for, in bytes a second, looked at every CLIENT_IDLE_MS; 0: any',
    default: 240,
    min: 0,
    max: 1_000_000,
  }),
  BODY_BYTES_MAX: integer({
    // Bodies are passed on and never kept, so this is no memory: an endless one must not fill a service.
    doc: 'Longest body of a request, in bytes, where the route has no size policy; calls of gRPC that go on for long count as a whole. 0: no bound',
    default: 1_073_741_824,
    min: 0,
    max: 1_000_000_000_000,
  }),
  GATHER_BYTES: integer({
    doc: 'A connection to a service is used for a request when so much of its body is there, or all, in bytes',
    default: 16_384,
    min: 0,
    max: 65_536,
  }),
  DISCARD_BYTES_MAX: integer({
    doc: 'Body of a refused request that is read to keep its connection, in bytes; more ends it',
    default: 262_144,
    min: 0,
    max: 67_108_864,
  }),
  DISCARD_MS: integer({
    doc: 'Longest time for such a body to arrive, in milliseconds',
    default: 2_000,
    min: 50,
    max: 600_000,
  }),

  HTTP2_STREAMS_MAX: integer({
    doc: 'Streams of one HTTP/2 connection of a client at a time; more are refused',
    default: 100,
    min: 1,
    max: 10_000,
  }),
  HTTP2_RESET_BURST: integer({
    doc: 'Streams that one HTTP/2 connection of a client may reset at once; more end it',
    default: 100,
    min: 1,
    max: 100_000,
  }),
  HTTP2_RESETS_PER_S: integer({
    doc: 'The same in the long run, per second',
    default: 10,
    min: 1,
    max: 100_000,
  }),

  WEBSOCKET_IDLE_MS: integer({
    doc: 'Longest time without a byte in a WebSocket connection, in milliseconds; pings count',
    default: 3_600_000,
    min: 1_000,
    max: 604_800_000,
  }),
  WEBSOCKET_MS_MAX: integer({
    doc: 'Longest time that a WebSocket connection may last, in milliseconds, so that who was shut out meanwhile must ask again; 0: no bound',
    default: 86_400_000,
    min: 0,
    max: 2_592_000_000,
  }),

  UPSTREAM_CONNECTIONS_MAX: integer({
    doc: 'Connections to one target',
    default: 1_024,
    min: 1,
    max: 65_535,
  }),
  UPSTREAM_QUEUE_MAX: integer({
    doc: 'Requests that may wait for a connection to one target; more are refused at once',
    default: 1024,
    min: 0,
    max: 1_000_000,
  }),
  UPSTREAM_IDLE_MS: integer({
    doc: 'Longest silence of a service in the middle of a response, in milliseconds; 0: no bound',
    default: 300_000,
    min: 0,
    max: 86_400_000,
  }),
  ZONE: text({
    doc: 'Where the agent is, for services that prefer targets in the same zone, such as eu-1a',
    optional: true,
  }),

  LIMIT_KEYS_MAX: integer({
    doc: 'Counters of limits that are kept in memory for each algorithm; when they are used up, those nearest to being whole begin anew. About 24 bytes each for rates, 60 for windows, 16 for concurrency, 32 for quotas, used as they are needed',
    default: 200_000,
    min: 1_000,
    max: 50_000_000,
  }),

  OVERLOAD_DELAY_MS: integer({
    // Everything waits twice in the loop, on the way there and back: a fifth of a second that no service has taken.
    doc: 'Lateness of a serving thread above which it refuses the least important requests, in milliseconds; the others at 2, 4 and 8 times as much. 0: it does not matter',
    default: 100,
    min: 0,
    max: 60_000,
  }),

  REDIS_URL: redisAddress({
    doc: 'Where limits are counted that are shared by agents: redis://[user:password@]host[:port][/database], or rediss:// for TLS; several hosts between commas are nodes of one Redis Cluster. Absent: shared limits follow their on_failure',
  }),
  REDIS_CA: text({
    doc: 'Authorities in PEM that vouch for a Redis over TLS, instead of those of the system; as REDIS_CA_FILE the file that holds them',
    optional: true,
  }),
  REDIS_DEADLINE_MS: integer({
    // A call takes below 1 ms in one network; a request should not notice more than this.
    doc: 'Longest wait of a request for Redis, in milliseconds. One call that takes longer, and Redis counts as away for the whole agent until it answers again',
    default: 20,
    min: 1,
    max: 10_000,
  }),
  REDIS_GROUP: text({
    doc: 'Name under which agents count together; default: their agent group. Agents of other names share no counters',
    optional: true,
  }),

  PROOFS_MAX: integer({
    doc: 'Proofs of keys (DPoP) and signatures of requests that are remembered, so that each counts once; more are refused. As many as come within 65 s, or within the age that policies allow a signature. 24 bytes each, used as they are needed',
    default: 500_000,
    min: 1_000,
    max: 50_000_000,
  }),
  LOCKOUT_FAILURES: integer({
    // Many callers may share an address; a script that guesses tries more than this within a second.
    doc: 'Bad credentials from one address (IPv6: one /64) that are free; each further one locks it out for twice as long, from a second on. One is forgotten every 6 s. Twice as many from different addresses lock out what these credentials begin with, for whoever sent one. 0: nobody is locked out. Where a proxy in front hides who calls, declare it, or all its callers are one address',
    default: 20,
    min: 0,
    max: 100,
  }),
  LOCKOUT_MS_MAX: integer({
    doc: 'Longest lock-out, in milliseconds. API keys, client certificates and tokens that were seen before still work then',
    default: 60_000,
    min: 1_000,
    max: 3_600_000,
  }),

  OTLP_ENDPOINT: text({
    doc: 'Collector that is sent everything too, such as http://collector:4317; default: the control plane only',
    optional: true,
  }),
  OTLP_PROTOCOL: choice({
    doc: 'How the collector of OTLP_ENDPOINT is spoken to',
    oneOf: ['grpc', 'http/protobuf'],
    default: 'grpc',
  }),
  LOGS_INTERVAL_MS: integer({
    doc: 'Pause between two sends of decision records, in milliseconds',
    default: 1_000,
    min: 50,
    max: 60_000,
  }),
  METRICS_INTERVAL_MS: integer({
    doc: 'Pause between two sends of metrics, in milliseconds',
    default: 10_000,
    min: 50,
    max: 600_000,
  }),
  RECORDS_MAX: integer({
    doc: 'Decision records that wait to be sent to one receiver; 1 to 3 KiB each',
    default: 10_000,
    min: 100,
    max: 1_000_000,
  }),
  RECORDS_ALLOWED_PER_S: integer({
    doc: 'Allowed requests per second that are recorded; refusals and errors always are',
    default: 200,
    min: 0,
    max: 1_000_000,
  }),
})

/** What the agent is told from outside. */
export interface AgentSettings {
  readonly httpListen: ListenAddress | undefined
  readonly httpsListen: ListenAddress | undefined
  readonly h2cListen: ListenAddress | undefined
  readonly httpH2c: boolean
  readonly io: 'net' | 'uring'
  readonly adminListen: ListenAddress | undefined
  /** How the admin endpoint knows who asks; undefined: it does not, and speaks plain HTTP. */
  readonly adminTls: AdminTlsSettings | undefined
  /** Threads that serve; 0: the main thread does, which is for tests. */
  readonly workers: number
  readonly trustedProxies: readonly AddressRange[]
  readonly tlsProfile: TlsProfile
  /** May be relative to the working directory. */
  readonly stateDir: string
  /** Secret; undefined once the agent has an identity, or when there is no control plane. */
  readonly joinToken: string | undefined
  readonly agentName: string | undefined
  readonly logLevel: LogLevel
  readonly drainMs: number
  readonly connectionsMax: number
  readonly connectionsPerSourceMax: number
  readonly handshakesMax: number
  readonly handshakesPerSourcePerS: number
  readonly handshakesPerSourceBurst: number
  readonly headTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly clientIdleMs: number
  readonly keepAliveMs: number
  readonly connectionRequestsMax: number
  readonly bodyBytesPerSMin: number
  readonly bodyBytesMax: number
  readonly gatherBytes: number
  readonly discardBytesMax: number
  readonly discardMs: number
  readonly websocketIdleMs: number
  readonly websocketMsMax: number
  readonly http2StreamsMax: number
  readonly http2ResetBurst: number
  readonly http2ResetsPerS: number
  readonly upstreamConnectionsMax: number
  readonly upstreamQueueMax: number
  readonly upstreamIdleMs: number
  readonly zone: string | undefined
  readonly limitKeysMax: number
  readonly overloadDelayMs: number
  /** Holds a password. Undefined: there is none. */
  readonly redis: RedisAddress | undefined
  readonly redisCa: string | undefined
  readonly redisDeadlineMs: number
  readonly redisGroup: string | undefined
  readonly proofsMax: number
  readonly lockOutFailures: number
  readonly lockOutMsMax: number
  readonly otlpEndpoint: string | undefined
  readonly otlpProtocol: 'grpc' | 'http/protobuf'
  readonly logsIntervalMs: number
  readonly metricsIntervalMs: number
  readonly recordsMax: number
  readonly recordsAllowedPerS: number
}

export type AgentSettingsRead =
  | { readonly kind: 'ok'; readonly settings: AgentSettings; readonly sources: readonly SettingSource[] }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] }

/** Names of all settings with their defaults and meaning, for `--help`. */
export const settingsReference: readonly { readonly name: string; readonly fallback: string; readonly doc: string }[] =
  Object.entries(settings).map(([key, { doc, fallback }]) => ({
    name: `HEADGATE_${key}`,
    fallback: fallback ?? '',
    doc,
  }))

/** Reads the settings; every problem at once. `env` is `process.env` or a table of a test. */
export function readAgentSettings(env: Readonly<Record<string, string | undefined>>): AgentSettingsRead {
  const read = readSettings(settings, env)
  if (read.kind === 'invalid') return read
  const { values } = read
  if (values.OTLP_ENDPOINT !== undefined && !URL.canParse(values.OTLP_ENDPOINT)) {
    return { kind: 'invalid', problems: [`HEADGATE_OTLP_ENDPOINT=${values.OTLP_ENDPOINT} must be a URL`] }
  }
  const adminTls = adminTlsOf(values)
  const problem = adminTls.problem ?? adminProblem(values.ADMIN_LISTEN, values.ADMIN_OPEN, adminTls.settings)
  if (problem !== null) return { kind: 'invalid', problems: [problem] }
  const workers = values.WORKERS === 'auto' ? availableParallelism() : Number(values.WORKERS)
  if (!/^(?:auto|[0-9]{1,3})$/.test(values.WORKERS) || workers > WORKERS_MAX) {
    return {
      kind: 'invalid',
      problems: [`HEADGATE_WORKERS=${values.WORKERS} must be auto or a number to ${WORKERS_MAX}`],
    }
  }
  return {
    kind: 'ok',
    sources: read.sources,
    settings: Object.freeze({
      httpListen: values.HTTP_LISTEN,
      httpsListen: values.HTTPS_LISTEN,
      h2cListen: values.H2C_LISTEN,
      httpH2c: values.HTTP_H2C,
      io: values.IO,
      adminListen: values.ADMIN_LISTEN,
      adminTls: adminTls.settings,
      workers,
      trustedProxies: values.TRUSTED_PROXIES,
      tlsProfile: values.TLS_PROFILE,
      stateDir: values.STATE_DIR,
      joinToken: values.JOIN_TOKEN,
      agentName: values.AGENT_NAME,
      logLevel: values.LOG_LEVEL,
      drainMs: values.DRAIN_MS,
      connectionsMax: values.CONNECTIONS_MAX,
      connectionsPerSourceMax: values.CONNECTIONS_PER_SOURCE_MAX,
      handshakesMax: values.HANDSHAKES_MAX,
      handshakesPerSourcePerS: values.HANDSHAKES_PER_SOURCE_PER_S,
      handshakesPerSourceBurst: values.HANDSHAKES_PER_SOURCE_BURST,
      headTimeoutMs: values.HEAD_TIMEOUT_MS,
      requestTimeoutMs: values.REQUEST_TIMEOUT_MS,
      clientIdleMs: values.CLIENT_IDLE_MS,
      keepAliveMs: values.KEEP_ALIVE_MS,
      connectionRequestsMax: values.CONNECTION_REQUESTS_MAX,
      bodyBytesPerSMin: values.BODY_BYTES_PER_S_MIN,
      bodyBytesMax: values.BODY_BYTES_MAX,
      gatherBytes: values.GATHER_BYTES,
      discardBytesMax: values.DISCARD_BYTES_MAX,
      discardMs: values.DISCARD_MS,
      websocketIdleMs: values.WEBSOCKET_IDLE_MS,
      websocketMsMax: values.WEBSOCKET_MS_MAX,
      http2StreamsMax: values.HTTP2_STREAMS_MAX,
      http2ResetBurst: values.HTTP2_RESET_BURST,
      http2ResetsPerS: values.HTTP2_RESETS_PER_S,
      upstreamConnectionsMax: values.UPSTREAM_CONNECTIONS_MAX,
      upstreamQueueMax: values.UPSTREAM_QUEUE_MAX,
      upstreamIdleMs: values.UPSTREAM_IDLE_MS,
      zone: values.ZONE,
      limitKeysMax: values.LIMIT_KEYS_MAX,
      overloadDelayMs: values.OVERLOAD_DELAY_MS,
      redis: values.REDIS_URL,
      redisCa: values.REDIS_CA,
      redisDeadlineMs: values.REDIS_DEADLINE_MS,
      redisGroup: values.REDIS_GROUP,
      proofsMax: values.PROOFS_MAX,
      lockOutFailures: values.LOCKOUT_FAILURES,
      lockOutMsMax: values.LOCKOUT_MS_MAX,
      otlpEndpoint: values.OTLP_ENDPOINT,
      otlpProtocol: values.OTLP_PROTOCOL,
      logsIntervalMs: values.LOGS_INTERVAL_MS,
      metricsIntervalMs: values.METRICS_INTERVAL_MS,
      recordsMax: values.RECORDS_MAX,
      recordsAllowedPerS: values.RECORDS_ALLOWED_PER_S,
    }),
  }
}

const WORKERS_MAX = 256

interface AdminTlsValues {
  readonly ADMIN_CERTIFICATE: string | undefined
  readonly ADMIN_KEY: string | undefined
  readonly ADMIN_CLIENT_CA: string | undefined
  readonly ADMIN_PROBES_OPEN: boolean
}

/** Half of it must not be taken for none: then everybody would be let in. */
function adminTlsOf(values: AdminTlsValues): {
  readonly settings: AdminTlsSettings | undefined
  readonly problem: string | null
} {
  const { ADMIN_CERTIFICATE: certificate, ADMIN_KEY: key, ADMIN_CLIENT_CA: clientCa } = values
  const probesOpen = values.ADMIN_PROBES_OPEN
  if (certificate !== undefined && key !== undefined && clientCa !== undefined)
    return { settings: Object.freeze({ certificate, key, clientCa, probesOpen }), problem: null }
  const isNothing = certificate === undefined && key === undefined && clientCa === undefined
  const together = 'HEADGATE_ADMIN_CERTIFICATE, HEADGATE_ADMIN_KEY and HEADGATE_ADMIN_CLIENT_CA'
  if (!isNothing) return { settings: undefined, problem: `${together} go together: give all three` }
  const problem = probesOpen ? `HEADGATE_ADMIN_PROBES_OPEN=true says nothing without ${together}` : null
  return { settings: undefined, problem }
}

/** @returns null when nobody can reach it who should not. */
function adminProblem(
  address: ListenAddress | undefined,
  open: boolean,
  tls: AdminTlsSettings | undefined,
): string | null {
  if (address === undefined || open || tls !== undefined || LOOPBACK.test(address.host)) return null
  return `HEADGATE_ADMIN_LISTEN=${address.host}:${address.port} can be reached from other machines, and nobody signs in there: use 127.0.0.1, demand certificates with HEADGATE_ADMIN_CERTIFICATE, or say HEADGATE_ADMIN_OPEN=true`
}

const LOOPBACK = /^(?:127(?:\.[0-9]{1,3}){3}|::1|localhost)$/

/**
 * The agent's own small server for those who watch it: /livez, /readyz, /metrics, /state.
 *
 * Off unless asked for. In plain HTTP nobody signs in there, so it is on this machine only unless more is asked for; over
 * TLS whoever asks presents a certificate. Says nothing about callers and holds no secret: counters by environment, route
 * and reason, and what the agent is doing.
 *
 * @module
 */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import { type AdminTlsOptions, followAdminTls, readAdminTls } from './admin-tls.ts'

export interface AdminOptions {
  /** Why the agent is not ready; null: it is. */
  readonly notReady: () => string | null
  /** Text exposition format of Prometheus. */
  readonly metrics: () => Promise<string>
  /** Of the whole agent, for people. */
  readonly state: () => object
  /** Null: plain HTTP. */
  readonly tls: AdminTlsOptions | null
}

export interface AdminServer extends AsyncDisposable {
  readonly url: string
}

/** Connections at a time. A few watchers ask now and then. */
const CONNECTIONS_MAX = 100
/** Longest handshake, head and request, in milliseconds, and how soon that is noticed. */
const REQUEST_MS_MAX = 5_000
const CHECK_MS = 1_000

const BOUNDS = {
  headersTimeout: REQUEST_MS_MAX,
  requestTimeout: REQUEST_MS_MAX,
  connectionsCheckingInterval: CHECK_MS,
} as const

/** @throws when the address cannot be listened on, or certificates cannot be used. */
export async function createAdminServer({ host, port }: ListenAddress, options: AdminOptions): Promise<AdminServer> {
  await using stack = new AsyncDisposableStack()
  const { tls } = options
  const answer: RequestListener = (request, response) => {
    void answerTo(request, options).then(({ status, body, type = 'text/plain; charset=utf-8' }) => {
      // So that a certificate is judged for every request.
      const more = tls === null ? {} : { connection: 'close' }
      response.writeHead(status, { 'content-type': type, ...more })
      response.end(body)
    })
  }
  const server = tls === null ? createServer(BOUNDS, answer) : await createTlsServer(tls, answer, stack)
  server.maxConnections = CONNECTIONS_MAX
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  stack.defer(async () => {
    const closed = new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
    server.closeAllConnections()
    await closed
  })
  // A server that listens on TCP has such an address.
  const { port: chosen } = server.address() as AddressInfo
  const disposal = stack.move()
  return {
    url: `${tls === null ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${chosen}`,
    [Symbol.asyncDispose]: async () => await disposal.disposeAsync(),
  }
}

async function createTlsServer(
  tls: AdminTlsOptions,
  answer: RequestListener,
  stack: AsyncDisposableStack,
): Promise<Server> {
  const read = await readAdminTls(tls)
  if (read.kind === 'unusable') throw new Error(`the admin endpoint has no usable certificates: ${read.why}`)
  const demands = { requestCert: true, rejectUnauthorized: !tls.probesOpen, handshakeTimeout: REQUEST_MS_MAX }
  const server = createSecureServer({ ...BOUNDS, ...read.context, ...demands }, answer)
  stack.use(followAdminTls(server, read, tls))
  return server
}

async function answerTo(request: IncomingMessage, options: AdminOptions): Promise<Answer> {
  const { method = '', url = '' } = request
  const { notReady, metrics, state, tls } = options
  const [path = ''] = url.split('?', 1)
  if (tls !== null && !PROBES.has(path) && !(request.socket as TLSSocket).authorized)
    return { status: 403, body: 'a client certificate is needed\n' }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'only GET\n' }
  switch (path) {
    case '/livez':
      return { status: 200, body: 'ok\n' }
    case '/readyz': {
      const why = notReady()
      return why === null ? { status: 200, body: 'ok\n' } : { status: 503, body: `${why}\n` }
    }
    case '/metrics':
      return { status: 200, body: await metrics(), type: 'text/plain; version=0.0.4; charset=utf-8' }
    case '/state':
      return { status: 200, body: `${JSON.stringify(state(), null, 2)}\n`, type: 'application/json' }
    default:
      return { status: 404, body: 'no such page\n' }
  }
}

/** What may be asked without a certificate, where that is allowed at all. */
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz'])

interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
}

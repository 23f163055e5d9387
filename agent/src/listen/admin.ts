/**
 * The agent's own small server for those who watch it: /livez, /readyz, /metrics, /state.
 *
 * Has no sign-in, so it is off unless asked for, and on this machine only unless that is asked for too. Says nothing
 * about callers and holds no secret: counters by environment, route and reason, and what the agent is doing.
 *
 * @module
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ListenAddress } from '@headgate/kit/settings.ts'

export interface AdminOptions {
  /** Why the agent is not ready; null: it is. */
  readonly notReady: () => string | null
  /** Text exposition format of Prometheus. */
  readonly metrics: () => Promise<string>
  /** Of the whole agent, for people. */
  readonly state: () => object
}

export interface AdminServer extends AsyncDisposable {
  readonly url: string
}

/** @throws when the address cannot be listened on. */
export async function createAdminServer({ host, port }: ListenAddress, options: AdminOptions): Promise<AdminServer> {
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (request, response) => {
    void answerTo(request.method ?? '', (request.url ?? '').split('?', 1)[0] ?? '', options).then((answer) => {
      response.writeHead(answer.status, { 'content-type': answer.type ?? 'text/plain; charset=utf-8' })
      response.end(answer.body)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A server that listens on TCP has such an address.
  const { port: chosen } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${chosen}`,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      server.closeAllConnections()
      await closed
    },
  }
}

async function answerTo(method: string, path: string, { notReady, metrics, state }: AdminOptions): Promise<Answer> {
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

interface Answer {
  readonly status: number
  readonly body: string
  readonly type?: string
}

/**
 * The service behind the agents: a small HTTP server in the test process that counts and echoes.
 *
 * @module
 */
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What it answers, as JSON. */
export interface Echo {
  readonly method: string
  /** Path and query as they arrived. */
  readonly target: string
  /** Names and values in turn, as they arrived. */
  readonly headers: readonly string[]
  readonly bodyBytes: number
}

export interface Upstream extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** How many requests arrived. */
  readonly count: number
  /** The newest request; undefined before the first. */
  readonly last: Echo | undefined
}

export async function startUpstream(): Promise<Upstream> {
  let count = 0
  let last: Echo | undefined
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    count += 1
    let bodyBytes = 0
    request.on('data', (chunk: Buffer) => (bodyBytes += chunk.length))
    request.on('end', () => {
      last = { method: request.method ?? '', target: request.url ?? '', headers: request.rawHeaders, bodyBytes }
      const body = JSON.stringify(last)
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
      response.end(request.method === 'HEAD' ? undefined : body)
    })
  })
  // The agents' pools keep connections for longer than a pause of a test.
  server.keepAliveTimeout = 120_000
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get count() {
      return count
    },
    get last() {
      return last
    },
    [Symbol.asyncDispose]: () =>
      new Promise((settle) => {
        server.close(() => settle())
        server.closeAllConnections()
      }),
  }
}

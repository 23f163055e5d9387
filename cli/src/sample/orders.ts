/**
 * The sample API `orders`: what stands behind the gate before there is an API of your own.
 *
 * It knows nothing of keys; it shows who the agent says is calling.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export interface SampleApi extends AsyncDisposable {
  readonly port: number
}

interface Order {
  readonly id: number
  readonly item: string
  readonly quantity: number
}

const ITEMS = ['lantern', 'rope', 'kettle', 'compass', 'blanket'] as const

function order(id: number): Order {
  return { id, item: ITEMS[id % ITEMS.length] ?? ITEMS[0], quantity: (id % 4) + 1 }
}

/** Serves on loopback only. */
export async function startSampleApi(port: number): Promise<SampleApi> {
  const server = createServer(answer)
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  server.once('error', reject)
  server.listen(port, '127.0.0.1', () => resolve(undefined))
  await promise
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((settle) => server.close(() => settle()))
      server.closeAllConnections()
      await closed
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  // A body is not looked at, but has to be taken off the wire.
  request.resume()
  const { pathname } = new URL(request.url ?? '/', 'http://orders.invalid')
  const id = /^\/orders\/([1-9][0-9]{0,8})$/.exec(pathname)?.[1]
  const caller = request.headers['x-headgate-consumer'] ?? null
  if (pathname === '/orders' && request.method === 'GET') send(response, 200, { orders: [1, 2, 3].map(order), caller })
  else if (id !== undefined && request.method === 'GET') send(response, 200, { ...order(Number(id)), caller })
  else if (id !== undefined && request.method === 'DELETE') send(response, 200, { deleted: Number(id), caller })
  else send(response, 404, { error: 'there is no such order' })
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

/**
 * For tests: requests over real HTTPS that trust exactly one certificate, as text and as `fetch`.
 *
 * @module
 */
import { Agent, request } from 'node:https'
import type { IncomingHttpHeaders } from 'node:http'

export interface RawAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON; undefined where it is none. */
  readonly json: unknown
}

export interface RawRequest {
  readonly method: string
  /** Path and query, sent as they are. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
  readonly signal?: AbortSignal
}

export interface HttpsClient extends Disposable {
  send(raw: RawRequest): Promise<RawAnswer>
  fetch(url: string, init: RequestInit): Promise<Response>
}

/** @param ca PEM of the certificate that the server must prove. */
export function createHttpsClient(port: number, ca: string): HttpsClient {
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 20 })

  function send({ method, path, headers = {}, body, signal }: RawRequest): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const length =
        body === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(body) }
      const outgoing = request(
        { host: '127.0.0.1', port, method, path, headers: { ...length, ...headers }, agent, ...(signal && { signal }) },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('error', reject)
          response.on('end', () => {
            const text = Buffer.concat(parts).toString('utf8')
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parseJson(text) })
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  }

  return {
    send,
    fetch: async (url, init) => {
      const { pathname, search } = new URL(url)
      const headers = init.headers as Record<string, string>
      const body = typeof init.body === 'string' ? { body: init.body } : {}
      const { status, text } = await send({ method: init.method ?? 'GET', path: pathname + search, headers, ...body })
      return new Response(status === 204 ? null : text, { status })
    },
    [Symbol.dispose]: () => agent.destroy(),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

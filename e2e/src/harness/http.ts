/**
 * A raw HTTP/1.1 client: what is asked for goes out byte for byte, from any 127.0.0.x address.
 *
 * `node:http` and fetch would correct what the tests want to be wrong. One request per connection; the answer is
 * read to its end.
 *
 * @module
 */
import { connect } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'

/** Longest wait for a whole answer, in milliseconds. */
const TIMEOUT_MS = 15_000

export interface RawRequest {
  readonly port: number
  readonly method?: string
  readonly target?: string
  /** Names and values, as they are to be sent. `Host` is among them, or left out. */
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
  /** Source address; default 127.0.0.1. */
  readonly from?: string
  /** With TLS. */
  readonly tls?: ConnectionOptions
}

export interface RawResponse {
  readonly status: number
  /** In order of arrival, names in lower case. */
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
  /** All values of a field, joined by `, `; undefined when absent. */
  header(name: string): string | undefined
  /** The body as JSON. */
  json(): unknown
}

/** Sends one request and reads the answer. */
export async function send(request: RawRequest): Promise<RawResponse> {
  return parseResponse(await exchange(request, head(request) + (request.body ?? '')), request.method ?? 'GET')
}

/** `GET` with a `Host`, which is what most tests ask. */
export function get(
  port: number,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  options: Partial<RawRequest> = {},
): Promise<RawResponse> {
  return send({ port, target, headers: Object.entries({ host: 'localhost', ...headers }), ...options })
}

function head({ method = 'GET', target = '/', headers = [['host', 'localhost']], body }: RawRequest): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const length = body === undefined ? '' : `content-length: ${Buffer.byteLength(body, 'latin1')}\r\n`
  return `${method} ${target} HTTP/1.1\r\n${lines}${length}connection: close\r\n\r\n`
}

/** Sends bytes and returns everything that comes back until the other side closes. */
export function exchange({ port, from = '127.0.0.1', tls }: RawRequest, bytes: string): Promise<Buffer> {
  return new Promise((settle, reject) => {
    const address = { host: '127.0.0.1', port, localAddress: from }
    const socket = tls === undefined ? connect(address) : connectTls({ ...address, ...tls })
    const chunks: Buffer[] = []
    socket.setTimeout(TIMEOUT_MS, () =>
      socket.destroy(new Error(`no answer from port ${port} within ${TIMEOUT_MS} ms`)),
    )
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('error', reject)
    socket.once('end', () => socket.end())
    socket.once('close', () => settle(Buffer.concat(chunks)))
  })
}

/** Reads an answer that is complete. Interim answers (1xx) are skipped. */
export function parseResponse(bytes: Buffer, method: string): RawResponse {
  const text = bytes.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) throw new Error(`not an HTTP answer: ${JSON.stringify(text.slice(0, 200))}`)
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(`${statusLine} `)?.[1])
  if (Number.isNaN(status)) throw new Error(`not a status line: ${statusLine}`)
  if (status < 200) return parseResponse(bytes.subarray(end + 4), method)
  const headers = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  const header = (name: string): string | undefined => {
    const values = headers.filter(([other]) => other === name).map(([, value]) => value)
    return values.length === 0 ? undefined : values.join(', ')
  }
  const rest = bytes.subarray(end + 4)
  const bodyBytes = header('transfer-encoding') === 'chunked' ? dechunk(rest) : rest
  const length = header('content-length')
  if (length !== undefined && method !== 'HEAD' && Number(length) !== bodyBytes.length) {
    throw new Error(`the answer has ${bodyBytes.length} bytes, not the ${length} that it states`)
  }
  const body = bodyBytes.toString('utf8')
  return { status, headers, body, header, json: () => JSON.parse(body) as unknown }
}

function dechunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (lineEnd === -1 || Number.isNaN(size)) throw new Error('the chunks of the answer break off')
    if (size === 0) return Buffer.concat(parts)
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}

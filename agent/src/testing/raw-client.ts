/**
 * An HTTP client for tests that writes exactly the bytes it is given, and reads responses by the letter.
 *
 * No library client would send what an attacker sends.
 *
 * @module
 */
import { connect, type Socket } from 'node:net'

export interface RawResponse {
  readonly status: number
  /** Lower-case names, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  readonly body: string
  field(name: string): string | undefined
}

/** Longest wait for a response, in milliseconds. */
const WAIT_MS = 10_000

/** Sends bytes over a new connection and reads the response to a request of `method`. */
export async function sendRaw(
  url: string,
  bytes: string | Buffer,
  method = 'GET',
  localAddress?: string,
): Promise<RawResponse> {
  await using client = await openRaw(url, localAddress)
  client.write(bytes)
  return await client.read(method)
}

export interface RawClient extends AsyncDisposable {
  readonly socket: Socket
  write(bytes: string | Buffer): void
  /**
   * Reads the next response.
   *
   * @throws when the connection ends before, or nothing comes.
   */
  read(method?: string): Promise<RawResponse>
  /** Resolves to everything not yet read, as latin-1, once the other side has ended the connection. */
  ended(): Promise<string>
}

export async function openRaw(url: string, localAddress?: string): Promise<RawClient> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), ...(localAddress !== undefined && { localAddress }) })
  let received = ''
  let over: Error | null = null
  let wake = (): void => {}
  socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1')
    wake()
  })
  const end = (error: Error): void => {
    over ??= error
    wake()
  }
  socket.on('error', end)
  socket.on('close', () => end(new Error('the connection ended')))
  socket.on('end', () => end(new Error('the connection was ended by the other side')))
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', () => resolve())
    socket.once('error', reject)
  })

  async function until<T>(look: () => T | null): Promise<T> {
    const deadline = AbortSignal.timeout(WAIT_MS)
    for (;;) {
      const found = look()
      if (found !== null) return found
      if (over !== null) throw new Error(`${over.message}; unread: ${JSON.stringify(received.slice(0, 500))}`)
      if (deadline.aborted) throw new Error(`nothing came; unread: ${JSON.stringify(received.slice(0, 500))}`)
      const { promise, resolve } = Promise.withResolvers<void>()
      const timer = setTimeout(resolve, 250)
      wake = resolve
      await promise
      clearTimeout(timer)
    }
  }

  return {
    socket,
    write: (bytes) => void socket.write(bytes, 'latin1'),
    read: async (method = 'GET') =>
      await until(() => {
        const parsed = parseResponse(received, method, over !== null)
        if (parsed === null) return null
        received = received.slice(parsed.length)
        // Interim responses are not what a caller waits for.
        return parsed.response.status === 100 ? null : parsed.response
      }),
    ended: async () => {
      await until(() => (over === null ? null : true))
      return received
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      await Promise.resolve()
    },
  }
}

function parseResponse(text: string, method: string, ended: boolean): { response: RawResponse; length: number } | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const status = Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(statusLine)?.[1])
  const fields = lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
  const field = (name: string): string | undefined => fields.find(([each]) => each === name)?.[1]
  const start = headEnd + 4
  const done = (body: string, length: number) => ({ response: { status, fields, body, field }, length })
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return done('', start)
  const length = field('content-length')
  if (length !== undefined) {
    const end = start + Number(length)
    return text.length < end ? null : done(text.slice(start, end), end)
  }
  if (field('transfer-encoding') === 'chunked') return parseChunks(text, start, done)
  return ended ? done(text.slice(start), text.length) : null
}

function parseChunks<T>(text: string, start: number, done: (body: string, length: number) => T): T | null {
  let body = ''
  let at = start
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    const next = lineEnd + 2 + size + 2
    if (text.length < next) return null
    if (size === 0) return done(body, next)
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = next
  }
}

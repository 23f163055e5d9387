/**
 * A service whose answers do not end, and clients that see when they are ended: server-sent events, and a WebSocket.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { type AddressInfo, type Socket, connect } from 'node:net'

export interface StreamingService extends AsyncDisposable {
  readonly url: string
}

/** Longest wait for the beginning of a stream, in milliseconds. */
const BEGIN_MS = 15_000
/** Pause between two events, in milliseconds. */
const EVERY_MS = 50

export async function startStreamingService(): Promise<StreamingService> {
  const sockets = new Set<Socket>()
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(`data: ${Date.now()}\n\n`), EVERY_MS)
    response.on('close', () => clearInterval(timer)).on('error', () => clearInterval(timer))
  })
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    )
    // Frames of one byte of text (RFC 6455 section 5.7).
    const timer = setInterval(() => socket.write(Buffer.from([0x81, 0x01, 0x2e])), EVERY_MS)
    socket.on('close', () => clearInterval(timer)).on('error', () => clearInterval(timer))
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((settle) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => settle())
      }),
  }
}

export interface OpenStream {
  readonly status: number
  /** Bytes so far. */
  readonly received: number
  /** Resolves when the other side has ended it. */
  readonly ended: Promise<void>
  end(): void
}

/** Opens an event stream, or a WebSocket, and waits for its head and something more. */
export async function openStream(
  port: number,
  target: string,
  fields: Readonly<Record<string, string>>,
  kind: 'events' | 'websocket',
): Promise<OpenStream> {
  const more = kind === 'events' ? {} : { connection: 'Upgrade', upgrade: 'websocket', ...webSocketFields() }
  const lines = Object.entries({ host: 'localhost', ...fields, ...more }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const socket = connect(port, '127.0.0.1')
  let [text, received] = ['', 0]
  const closed = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const late = setTimeout(() => begun.reject(new Error(`no stream of ${kind} began: ${text}`)), BEGIN_MS)
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (text.length < 10_000) text += chunk.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    if (head !== -1 && (text.length > head + 4 || !/ (?:200|101) /.test(text.slice(0, 15)))) begun.resolve()
  })
  socket.on('error', () => {})
  socket.once('end', () => socket.destroy())
  socket.once('close', () => {
    closed.resolve()
    begun.resolve()
  })
  socket.write(`GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`)
  await begun.promise
  clearTimeout(late)
  return {
    status: Number(/^HTTP\/1.1 (\d{3})/.exec(text)?.[1]),
    get received() {
      return received
    },
    ended: closed.promise,
    end: () => socket.destroy(),
  }
}

const webSocketFields = (): Record<string, string> => ({
  'sec-websocket-version': '13',
  'sec-websocket-key': randomBytes(16).toString('base64'),
})

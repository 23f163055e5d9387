/**
 * A service behind the agent, for tests: keeps the exact bytes of what arrives, and answers what a test wants.
 *
 * Speaks on plain sockets, because a library server would hide how a request was framed.
 *
 * @module
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** One request as its bytes say. */
export interface Arrived {
  readonly line: string
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Decoded. */
  readonly body: string
  field(name: string): string | undefined
}

export interface TestService extends AsyncDisposable {
  readonly url: string
  readonly arrived: readonly Arrived[]
  /** Every byte that arrived, over all connections, as latin-1. */
  readonly bytes: () => string
  /** Connections that were made, and those that are open. */
  readonly connections: { made: number; open: number }
  readonly sockets: ReadonlySet<Socket>
}

/** What is written when a request has arrived whole. */
type Reply = (arrived: Arrived, socket: Socket) => string | Buffer | null

const OK: Reply = () => 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nserver: test-service\r\n\r\nok'

/** @param reply null: the function has written, or will write, by itself. */
export async function startService(reply: Reply = OK): Promise<TestService> {
  const arrived: Arrived[] = []
  const sockets = new Set<Socket>()
  const connections = { made: 0, open: 0 }
  let bytes = ''
  const server = createServer((socket) => {
    connections.made += 1
    connections.open += 1
    sockets.add(socket)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      bytes += chunk.toString('latin1')
      for (;;) {
        const parsed = parseRequest(text)
        if (parsed === null) return
        text = text.slice(parsed.length)
        arrived.push(parsed.arrived)
        const answer = reply(parsed.arrived, socket)
        if (answer !== null) socket.write(answer, 'latin1')
      }
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      connections.open -= 1
      sockets.delete(socket)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived,
    bytes: () => bytes,
    connections,
    sockets,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

function parseRequest(text: string): { arrived: Arrived; length: number } | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return null
  const [line = '', ...lines] = text.slice(0, headEnd).split('\r\n')
  const fields = lines.map((each) => {
    const colon = each.indexOf(':')
    return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()] as const
  })
  const field = (name: string): string | undefined => fields.find(([each]) => each === name)?.[1]
  const start = headEnd + 4
  if (field('transfer-encoding') === 'chunked') {
    let body = ''
    let at = start
    for (;;) {
      const lineEnd = text.indexOf('\r\n', at)
      if (lineEnd === -1) return null
      const size = Number.parseInt(text.slice(at, lineEnd), 16)
      const next = lineEnd + 2 + size + 2
      if (text.length < next) return null
      if (size === 0) return { arrived: { line, fields, body, field }, length: next }
      body += text.slice(lineEnd + 2, lineEnd + 2 + size)
      at = next
    }
  }
  const end = start + Number(field('content-length') ?? 0)
  return text.length < end ? null : { arrived: { line, fields, body: text.slice(start, end), field }, length: end }
}

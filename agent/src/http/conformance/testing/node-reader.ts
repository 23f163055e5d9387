/**
 * How `node:http`, in its strict mode, reads what a client or an agent sends: the second opinion.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Duplex } from 'node:stream'

/** One whole request as Node reads it. Text is latin-1. */
export interface NodeSeen {
  readonly method: string
  readonly target: string
  readonly body: string
  /** Every value of a name, in order. @param name lower case. */
  header(name: string): readonly string[]
}

/** A server that is as strict as Node can be, and tells of every whole request. */
export function createNodeReader(
  onSeen: (seen: NodeSeen, response: ServerResponse) => void,
  /** The connection goes on when this does nothing; what was whole before is still told. */
  onError: (error: NodeJS.ErrnoException, socket: Duplex) => void,
): Server {
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    let body = ''
    request.on('error', () => {})
    response.on('error', () => {})
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
    request.on('end', () => {
      const { method = '', url: target = '', rawHeaders: raw } = request
      const header = (name: string): readonly string[] =>
        raw.filter((_, index) => index % 2 === 1 && raw[index - 1]?.toLowerCase() === name)
      onSeen({ method, target, body, header }, response)
    })
  }
  const server = createServer({
    insecureHTTPParser: false,
    requireHostHeader: false,
    keepAliveTimeout: 120_000,
    shouldUpgradeCallback: () => false,
  })
  server.on('request', take).on('checkContinue', take).on('checkExpectation', take)
  server.on('connect', (_request, socket) => socket.destroy())
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    onError(error, socket)
  })
  return server
}

/** A connection without a network. */
class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

/** Turns of the event loop after which Node has read what it was given. */
const TURNS = 6

export interface NodeReading {
  /** The whole requests, in order. */
  readonly seen: readonly NodeSeen[]
  /** Where Node found that it cannot go on; null: it read everything, or wants more. */
  readonly stoppedAt: number | null
}

export interface NodeReader {
  /** What Node finds in these bytes of one connection. */
  read(bytes: string): Promise<NodeReading>
}

export function createOfflineReader(): NodeReader {
  return {
    read: async (bytes) => {
      const found: NodeSeen[] = []
      let stoppedAt: number | null = null
      const server = createNodeReader(
        (seen, response) => {
          found.push(seen)
          response.end()
        },
        (error) => {
          if ('bytesParsed' in error && typeof error.bytesParsed === 'number') stoppedAt ??= error.bytesParsed
        },
      )
      const wire = new Wire()
      wire.on('error', () => {})
      server.emit('connection', wire)
      wire.push(Buffer.from(bytes, 'latin1'))
      for (let turn = 0; turn < TURNS; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
      wire.destroy()
      return { seen: found, stoppedAt }
    },
  }
}

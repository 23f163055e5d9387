/**
 * A service that keeps every byte it gets and believes nothing: each request is read by the strictest reader there is.
 *
 * Each answer tells which request it answers and for whom, so that a client can see when it is given another's.
 *
 * @module
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Message, readRequest, valuesOf } from './message.ts'

/** One whole request. */
export interface Seen extends Message {
  /** Counts from 1 over all connections. */
  readonly serial: number
  readonly connection: number
  readonly method: string
  readonly target: string
  /** Whom the agent says it is from. */
  readonly client: string
}

/** A connection as the service sees it. */
export interface Arriving {
  readonly number: number
  readonly socket: Socket
  /** What has arrived and is not a whole request yet. */
  rest: string
  /** Nothing more is read once something could not be read. */
  broken: boolean
}

export interface Recorder extends AsyncDisposable {
  readonly url: string
  /** Host and port, as `Host` must say it. */
  readonly host: string
  readonly seen: readonly Seen[]
  /** What the strict reader did not take, and what no agent may send. */
  readonly violations: readonly string[]
  /** What had arrived of requests whose connection ended before they were whole. */
  readonly cut: readonly string[]
  readonly connections: ReadonlySet<Arriving>
  /** Connections on which a request has begun and is not whole. */
  unfinished(): number
  /** Forgets what was seen; long runs must not fill the memory. */
  forget(): void
}

export interface RecorderOptions {
  /** What is written when a request has arrived whole; null: the function writes by itself. */
  readonly answer?: (seen: Seen, connection: Arriving) => string | null
  /** Called for a new connection, before anything was read. */
  readonly onConnection?: (connection: Arriving) => void
  /** Called for every read that leaves an unfinished request. */
  readonly onPart?: (connection: Arriving) => void
  /** Another reader of the same connections: sees sockets before any byte is read. */
  readonly beside?: Server
}

/** The answer of a service that is well: says which request it was, and for whom. */
export function echo(seen: Seen): string {
  const body = `${seen.method} ${seen.target} ${seen.body.length}`
  return (
    `HTTP/1.1 200 OK\r\nx-serial: ${seen.serial}\r\nx-client: ${seen.client}\r\n` +
    `content-length: ${body.length}\r\n\r\n${seen.method === 'HEAD' ? '' : body}`
  )
}

export async function startRecorder(options: RecorderOptions = {}): Promise<Recorder> {
  const { answer = echo, beside } = options
  const seen: Seen[] = []
  const violations: string[] = []
  const cut: string[] = []
  const connections = new Set<Arriving>()
  let [serial, made, host] = [0, 0, '']

  function take(connection: Arriving): void {
    while (!connection.broken) {
      const read = readRequest(connection.rest, 0)
      if (read.kind === 'more') {
        if (read.in !== 'nothing') options.onPart?.(connection)
        return
      }
      if (read.kind === 'invalid') {
        connection.broken = true
        violations.push(`${read.why} in ${JSON.stringify(connection.rest.slice(0, 1_000))}`)
        connection.socket.destroy()
        return
      }
      connection.rest = connection.rest.slice(read.end)
      const { message } = read
      const [method = '', target = ''] = message.line.split(' ')
      const client = valuesOf(message.fields, 'x-forwarded-for').join('+')
      const one: Seen = { ...message, serial: ++serial, connection: connection.number, method, target, client }
      seen.push(one)
      violations.push(...dutiesMissed(one, host))
      const text = answer(one, connection)
      // With another reader, that one answers.
      if (text !== null && beside === undefined) connection.socket.write(text, 'latin1')
    }
  }

  function onConnection(socket: Socket): void {
    const connection: Arriving = { number: ++made, socket, rest: '', broken: false }
    connections.add(connection)
    options.onConnection?.(connection)
    socket.on('data', (chunk: Buffer) => {
      connection.rest += chunk.toString('latin1')
      take(connection)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      connections.delete(connection)
      if (connection.rest !== '') cut.push(connection.rest.slice(0, 2_000))
    })
  }

  const server = beside ?? createServer({ noDelay: true })
  server.on('connection', onConnection)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}`,
    host,
    seen,
    violations,
    cut,
    connections,
    unfinished: () => [...connections].filter(({ rest }) => rest !== '').length,
    forget: () => {
      seen.length = 0
      cut.length = 0
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of connections) socket.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

/** Fields of which a service gets exactly one, from the agent. */
const EXACTLY_ONE = ['host', 'x-request-id', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'] as const
/** Fields that end at the agent, whoever sent them. */
const NEVER = ['keep-alive', 'te', 'trailer', 'upgrade', 'proxy-connection', 'proxy-authorization', 'expect'] as const

/** What every request to a service must be like, whatever the client sent. */
function dutiesMissed(seen: Seen, host: string): string[] {
  const { fields, line } = seen
  const missed = EXACTLY_ONE.filter((name) => valuesOf(fields, name).length !== 1).map((name) => `not one ${name}`)
  missed.push(...NEVER.filter((name) => valuesOf(fields, name).length > 0).map((name) => `${name} reached the service`))
  if (valuesOf(fields, 'host')[0] !== host) missed.push('Host is not the service')
  if (valuesOf(fields, 'connection').some((value) => !/^(?:keep-alive|close)$/i.test(value))) missed.push('Connection')
  if (fields.some(([name]) => name.includes('_'))) missed.push('a name with _')
  return missed.map((what) => `${what}: ${line} ${JSON.stringify(fields)}`)
}

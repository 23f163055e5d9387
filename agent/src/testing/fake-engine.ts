/**
 * A whole engine without sockets: a test delivers bytes in pieces of its choice and reads what was written.
 *
 * Time stands still until it is passed, so nothing here waits.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { Arena, INPUT_BYTES } from '#agent/http/arena.ts'
import type { ClientConnection } from '#agent/http/client-connection.ts'
import { createEngine, createSharedParts, type Engine } from '#agent/http/engine.ts'
import type { EngineSettings } from '#agent/http/engine-parts.ts'
import type { Exchange, Forwarded } from '#agent/http/exchange.ts'
import type { Connection, Connector, OutgoingConnection } from '#agent/http/io.ts'
import { createUpstreams } from '#agent/upstream/forward.ts'
import { serviceReference, upstreamsOptions } from './upstream.ts'

/** What a test sees of one connection. */
export interface Wire {
  readonly connection: Connection
  /** Everything written to it, as latin-1. */
  text: string
  /** Ended by the engine: in good order, or at once. */
  ended: boolean
  destroyed: boolean
  /** While set, what is written waits. */
  stuck: boolean
}

export interface FakeEngine extends Disposable {
  readonly engine: Engine
  /** Connections to services, in the order in which they were asked for. */
  readonly services: readonly Wire[]
  /** How forwarding ended, in order. */
  readonly outcomes: readonly Forwarded[]
  readonly malformed: readonly string[]
  /** Whether the route lets trailers pass. */
  trailers: boolean
  /** Whether the route lets requests become WebSocket connections. */
  websocket: boolean
  /** What is done with requests: by default they are forwarded as they are. */
  handle: (exchange: Exchange) => void
  /** Forwards to the service. */
  forward(exchange: Exchange): void
  client(): Wire
  /**
   * Delivers bytes, in pieces of that size; by default in one.
   *
   * @returns what is left where the engine reads nothing more.
   */
  deliver(wire: Wire, text: string, pieceBytes?: number): string
  /** A connection to the service is there. */
  open(wire: Wire): void
  /** The other side sends nothing more. */
  end(wire: Wire): void
  /** The connection is over. */
  close(wire: Wire): void
  /** What waited is taken. */
  drain(wire: Wire): void
  pass(ms: number): void
}

const SETTINGS: EngineSettings = {
  connectionsMax: 1_000,
  headTimeoutMs: 10_000,
  requestTimeoutMs: 300_000,
  clientIdleMs: 15_000,
  keepAliveMs: 60_000,
  connectionRequestsMax: 10_000,
  bodyBytesPerSMin: 240,
  gatherBytes: 16_384,
  discardBytesMax: 262_144,
  discardMs: 2_000,
  upstreamIdleMs: 300_000,
  websocketIdleMs: 3_600_000,
  websocketMsMax: 86_400_000,
  trustedProxies: [],
}

const SERVICE = serviceReference(['http://127.0.0.1:80'])

export function createFakeEngine(changed: Partial<EngineSettings> = {}): FakeEngine {
  let nowMs = 1_000
  const clock: Clock = {
    now: () => 1_750_000_000_000 + nowMs,
    monotonic: () => nowMs,
    sleep: async () => await Promise.resolve(),
  }
  const wires = new Map<Connection, Wire>()
  const services: Wire[] = []
  const outcomes: Forwarded[] = []
  const malformed: string[] = []
  const arena = new Arena()

  function wireOf(connection: Connection): Wire {
    const wire = wires.get(connection)
    if (wire === undefined) throw new Error('a connection that nobody made')
    return wire
  }
  function add(connection: Connection): Wire {
    const wire = { connection, text: '', ended: false, destroyed: false, stuck: false }
    wires.set(connection, wire)
    return wire
  }

  const io: Connector = {
    streams: false,
    write: (connection, start, end) => {
      const wire = wireOf(connection)
      if (wire.destroyed || wire.ended) return
      wire.text += arena.bytes.toString('latin1', start, end)
      if (wire.stuck) connection.blocked = true
      // What was written must not be needed any more: the next message overwrites it.
      arena.bytes.fill(0xee, start, end)
    },
    pause: (connection) => void (connection.paused = true),
    resume: (connection) => void (connection.paused = false),
    end: (connection) => void (wireOf(connection).ended = true),
    destroy: (connection) => {
      wireOf(connection).destroyed = true
      connection.closed = true
    },
    connect: (connection: OutgoingConnection) => void services.push(add(connection)),
  }
  const shared = createSharedParts({ ...SETTINGS, ...changed }, clock, arena)
  shared.wheel[Symbol.dispose]()
  const upstreams = createUpstreams(
    shared,
    { http1: io, http2: io },
    upstreamsOptions({ connectionsMax: 4, queueMax: 4 }),
  )
  let ids = 0
  const engine = createEngine(shared, {
    log: createLog({ name: 'test', level: 'fatal' }),
    upstreams,
    requestId: () => `req_${ids++}`,
    handle: (exchange) => fake.handle(exchange),
    onMalformed: (reason) => void malformed.push(reason),
  })

  const fake: FakeEngine = {
    engine,
    services,
    outcomes,
    malformed,
    trailers: false,
    websocket: false,
    handle: (exchange) => fake.forward(exchange),
    forward: (exchange) => {
      const { method, target } = exchange.head
      exchange.forward({
        service: SERVICE,
        consumer: null,
        method,
        target,
        withheldHeaders: [],
        requestFields: [['X-Request-Id', 'id']],
        responseFields: [['X-Request-Id', 'id']],
        trailers: fake.trailers,
        bodyBytesMax: Infinity,
        websocket: fake.websocket,
        answering: () => {},
        ended: (ended, forwarded) => {
          outcomes.push(forwarded)
          if (forwarded.kind === 'failed') ended.refuse(502, [], forwarded.reason)
        },
      })
    },
    client: () => {
      const connection: ClientConnection | null = engine.accept(io, 'http', '10.0.0.1', null)
      if (connection === null) throw new Error('too many connections')
      return add(connection)
    },
    deliver: (wire, text, pieceBytes = INPUT_BYTES) => {
      const { connection } = wire
      let at = 0
      for (; at < text.length && !connection.closed && !connection.paused; at += pieceBytes) {
        const length = arena.bytes.write(text.slice(at, at + pieceBytes), arena.input, 'latin1')
        connection.received(arena.input, arena.input + length)
        arena.bytes.fill(0xdd, arena.input, arena.input + length)
      }
      return text.slice(at)
    },
    open: ({ connection }) => {
      if (!connection.closed) (connection as OutgoingConnection).opened()
    },
    end: ({ connection }) => {
      if (!connection.closed) connection.ended()
    },
    close: ({ connection }) => {
      connection.closed = true
      connection.gone()
    },
    drain: (wire) => {
      wire.stuck = false
      wire.connection.blocked = false
      if (!wire.connection.closed) wire.connection.drained()
    },
    pass: (ms) => {
      for (let passed = 0; passed < ms; passed += 50) {
        nowMs += 50
        shared.wheel.turn()
      }
    },
    [Symbol.dispose]: () => engine[Symbol.dispose](),
  }
  return fake
}

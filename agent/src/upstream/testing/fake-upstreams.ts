/**
 * The upstreams of one service without sockets and on a clock of the test, so that hours pass in a moment.
 *
 * Connections and responses are as real as can be: bytes go through the engine's own reader. What is left out is the
 * system below and the client above.
 *
 * @module
 */
import type { RequestHead } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import { Arena } from '#agent/http/arena.ts'
import type { Failure, UpstreamTarget } from '#agent/http/engine-parts.ts'
import { createSharedParts } from '#agent/http/engine.ts'
import type { ServiceReference, UpstreamReason } from '#agent/http/exchange.ts'
import type { Connector, OutgoingConnection, ServiceAddress } from '#agent/http/io.ts'
import type { Caller, ServiceConnection } from '#agent/http/service-connection.ts'
import { testSettings } from '#agent/testing/agent.ts'
import { createRandom } from '#agent/testing/random.ts'
import { serviceReference, upstreamsOptions } from '#agent/testing/upstream.ts'
import { createUpstreams, type ServiceUpstreams, type UpstreamsOptions } from '#agent/upstream/forward.ts'
import type { ServiceState } from '#agent/upstream/state.ts'

/** One request to the service. */
export class FakeRequest implements Caller {
  toHead = false
  chunks = true
  takesTrailers = false
  readonly handshake = null
  address = ''
  blocked = false
  stalledSinceMs = 0
  responseBytes = 0
  readonly startedMs: number
  connection: ServiceConnection | null = null
  status = 0
  /** How it ended: `answered`, or why not; null: it has not. */
  end: 'answered' | UpstreamReason | null = null
  target: UpstreamTarget | null = null
  readonly #service: ServiceReference

  constructor(service: ServiceReference, startedMs: number) {
    this.#service = service
    this.startedMs = startedMs
  }

  connected(connection: ServiceConnection): void {
    this.connection = connection
    connection.begin(this, this.#service.responseTimeoutMs)
    connection.requestSent()
  }

  writeInterim(_head: unknown, to: number): number {
    return to
  }

  writeHead(head: { readonly status: number }, to: number): number {
    this.status = head.status
    return to
  }

  switched(): never {
    throw new Error('nobody has asked for an upgrade')
  }

  send(): void {}

  answered(): void {
    this.end = 'answered'
  }

  failed(reason: UpstreamReason): void {
    this.end = reason
  }

  upstreamDrained(): void {}

  evicted(): void {
    this.connection?.abandon()
    this.connection = null
    this.end = 'upstream_failed'
  }
}

export interface FakeUpstreams extends Disposable {
  readonly upstreams: ServiceUpstreams
  /** Addresses that nobody listens on. */
  readonly down: Set<string>
  /** Status of the responses of an address; default: 200. */
  readonly statuses: Map<string, number>
  /** What has been connected to, in order. */
  readonly connected: readonly ServiceAddress[]
  /** Changes the release. */
  use(spec: object, ...urls: readonly string[]): void
  /** Chooses a target and gets or opens a connection. */
  begin(head?: Partial<RequestHead>, consumer?: string | null): FakeRequest
  /** Where a request is tried once more; null: not at all. */
  again(failed: UpstreamTarget, failure: Failure): UpstreamTarget | null
  /** Opens what was asked for, or lets it fail. Done by `ask` too. */
  settle(): void
  /** The response to a request arrives. */
  answer(request: FakeRequest, status?: number): void
  /** A whole request. @returns the address that has answered, or why none did. */
  ask(head?: Partial<RequestHead>, consumer?: string | null): string
  pass(ms: number): void
  state(): ServiceState
}

export function createFakeUpstreams(
  urls: readonly string[],
  spec: object = {},
  options: Partial<UpstreamsOptions> = {},
): FakeUpstreams {
  let nowMs = 1_000_000
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, sleep: async () => await Promise.resolve() }
  const arena = new Arena()
  const shared = createSharedParts(testSettings(), clock, arena)
  shared.wheel[Symbol.dispose]()
  const asked: [OutgoingConnection, ServiceAddress][] = []
  const addresses = new Map<OutgoingConnection, ServiceAddress>()
  const connected: ServiceAddress[] = []
  const over = new Set<OutgoingConnection>()
  const io: Connector = {
    streams: false,
    write: () => {},
    pause: (connection) => void (connection.paused = true),
    resume: (connection) => void (connection.paused = false),
    end: () => {},
    destroy: (connection) => {
      connection.closed = true
      over.add(connection as OutgoingConnection)
    },
    connect: (connection, address) => {
      addresses.set(connection, address)
      asked.push([connection, address])
    },
  }
  const below = createRandom(11)
  const random = (): number => below(1_000_000) / 1_000_000
  const upstreams = createUpstreams(shared, { http1: io, http2: io }, upstreamsOptions({ random, ...options }))
  let service = serviceReference(urls, spec)
  const retain = (): void => upstreams.retain([{ id: 'env_test', release: { services: new Map([['shop', service]]) } }])

  /** Tells of the ends of connections, as the system does: later. */
  function end(): void {
    for (const connection of over) {
      over.delete(connection)
      connection.gone()
    }
  }

  const fake: FakeUpstreams = {
    upstreams,
    down: new Set(),
    statuses: new Map(),
    connected,
    use: (changed, ...changedUrls) => {
      service = serviceReference(changedUrls.length > 0 ? changedUrls : urls, changed)
      retain()
      end()
    },
    begin: (head = {}, consumer = null) => {
      const request = new FakeRequest(service, nowMs)
      const whole = { address: '192.0.2.1', header: () => [], ...head } as unknown as RequestHead
      request.address = whole.address
      request.target = upstreams.pick(service, consumer, whole)
      if (request.target === null) request.end = 'upstream_overloaded'
      else enter(request, request.target)
      return request
    },
    again: (failed, failure) => upstreams.again(failed, service, failure),
    settle: () => {
      for (const [connection, address] of asked.splice(0)) {
        connected.push(address)
        if (connection.closed) continue
        if (!fake.down.has(address.host)) connection.opened()
        else {
          connection.closed = true
          connection.gone()
        }
      }
      end()
    },
    answer: ({ connection }, status = 200) => {
      if (connection === null) throw new Error('it has no connection')
      const text = `HTTP/1.1 ${status} Status\r\ncontent-length: 0\r\n\r\n`
      const length = arena.bytes.write(text, arena.input, 'latin1')
      connection.received(arena.input, arena.input + length)
      end()
    },
    ask: (head, consumer) => {
      const request = fake.begin(head, consumer)
      fake.settle()
      // As the engine does it, once.
      if (request.end === 'upstream_unreachable' && request.target !== null) {
        const failure = { unreachable: true, sent: false, reset: true, timedOut: false, repeatable: true }
        const next = upstreams.again(request.target, service, failure)
        if (next !== null) {
          request.end = null
          enter(request, next)
          fake.settle()
        }
      }
      if (request.end !== null) return request.end
      if (request.connection === null) return 'waiting'
      const { host } = addresses.get(request.connection) ?? { host: '' }
      fake.answer(request, fake.statuses.get(host))
      return host
    },
    pass: (ms) => {
      for (let passed = 0; passed < ms; passed += 50) {
        nowMs += 50
        shared.wheel.turn()
        end()
      }
    },
    state: () => {
      const [state] = upstreams.state()
      if (state === undefined) throw new Error('there is no service')
      return state
    },
    [Symbol.dispose]: () => upstreams.destroy(),
  }

  function enter(request: FakeRequest, target: UpstreamTarget): void {
    request.target = target
    const connection = target.take()
    if (connection !== null) request.connected(connection)
    else if (!target.open(request)) request.end = 'upstream_overloaded'
  }

  retain()
  return fake
}

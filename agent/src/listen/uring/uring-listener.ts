/**
 * Takes connections of clients through a ring.
 *
 * @module
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Engine } from '#agent/http/engine.ts'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import type { Connection } from '#agent/http/io.ts'
import type { Admission } from '#agent/listen/admission.ts'
import type { HttpListenerOptions, Listener } from '#agent/listen/listeners.ts'
import { AF_INET6, packAddress, readHost, readPort } from './address.ts'
import { type Native, NativeError } from './native.ts'
import { COMPLETION_MORE, kinds, Party, type Ring } from './ring.ts'
import type { UringIo } from './uring-io.ts'

const SOCK_STREAM_CLOEXEC = 1 | 0x80000
const [SOL_SOCKET, SO_REUSEADDR, SO_REUSEPORT] = [1, 2, 15]
const [IPPROTO_TCP, TCP_NODELAY] = [6, 1]
const [IPPROTO_IPV6, IPV6_V6ONLY] = [41, 26]

/** Connections that the system holds for us while the process is busy. */
const BACKLOG = 4_096
/** Pause after a connection could not be taken, such as for want of descriptors, in milliseconds. */
const PAUSE_MS = 100

export interface RingListenerOptions extends HttpListenerOptions {
  readonly native: Native
  readonly ring: Ring
  readonly io: UringIo
  readonly engine: Engine
  readonly admission: Admission
  /** Whether other threads listen on the same address. */
  readonly reusePort: boolean | undefined
}

/** @throws when the address cannot be listened on. */
export async function listenOnRing(address: ListenAddress, options: RingListenerOptions): Promise<Listener> {
  const { native } = options
  const { host, port } = address
  const resolved = isIP(host) === 0 ? (await lookup(host)).address : host
  const { family, bytes } = packAddress(resolved, port)
  const fd = native.socket(family, SOCK_STREAM_CLOEXEC)
  try {
    native.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    if (options.reusePort === true) native.setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    if (family === AF_INET6) native.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)
    // Accepted sockets inherit it.
    native.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1)
    native.bind(fd, bytes)
    native.listen(fd, BACKLOG)
  } catch (thrown) {
    native.close(fd)
    const why = thrown instanceof NativeError ? thrown.code : String(thrown)
    throw new Error(`cannot listen on ${host}:${port}: ${why}`, { cause: thrown })
  }
  const chosen = readPort(native.localAddress(fd))
  const listening = new RingListener(options, fd)
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${name}:${chosen}`,
    get accepted() {
      return listening.accepted
    },
    close: () => listening.close(),
  }
}

class RingListener extends Party {
  readonly #options: RingListenerOptions
  readonly #fd: number
  accepted = 0

  constructor(options: RingListenerOptions, fd: number) {
    super()
    this.#options = options
    this.#fd = fd
    options.ring.add(this)
    options.ring.accept(this, fd)
  }

  close(): void {
    if (this.isLeaving) return
    const { ring } = this.#options
    ring.cancelAll(this, this.#fd)
    ring.close(this, this.#fd)
    ring.leave(this)
  }

  completed(kind: number, result: number, flags: number): void {
    if (kind !== kinds.accept) return
    if (result >= 0) this.#take(result)
    if ((flags & COMPLETION_MORE) !== 0 || this.isLeaving) return
    if (result >= 0) this.#accept()
    // At once, it would fail again, and again.
    else setTimeout(() => this.#accept(), PAUSE_MS).unref()
  }

  left(): void {
    // Nobody waits for it: new connections end with `close`.
  }

  #accept(): void {
    if (!this.isLeaving) this.#options.ring.accept(this, this.#fd)
  }

  #take(fd: number): void {
    const { native, engine, io, admission, onPreface } = this.#options
    this.accepted += 1
    native.opened(fd)
    const peer = native.peerAddress(fd)
    if (peer === null) return native.close(fd)
    const address = readHost(peer)
    const place = admission.enter(address)
    if (place === null) return native.reset(fd)
    const leave = (): void => admission.leave(place)
    const connection = engine.accept(io, 'http', address, null)
    if (connection === null) {
      leave()
      return native.reset(fd)
    }
    if (onPreface !== undefined) {
      connection.onPreface = (from: Connection, first: Buffer) =>
        io.letGo(from, first, (socket) => onPreface(socket.once('close', leave), place))
    }
    io.accept(connection, fd, leave)
  }
}

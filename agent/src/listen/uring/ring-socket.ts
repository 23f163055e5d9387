/**
 * One connection on the ring: what is under way on it, and what waits.
 *
 * At most one read, one send and one of connect, shutdown and close are under way. What is written meanwhile waits in
 * order, within a bound. A read that has begun may bring bytes although the engine wants none any more: they are held.
 * So that this is rarely more than one buffer, a connection is read piece by piece while much comes or it is made to
 * wait; where little comes at a time, one read goes on for all of it.
 *
 * @module
 */
import type { Arena } from '#agent/http/arena.ts'
import type { Connection } from '#agent/http/io.ts'
import { BUFFER_BYTES, type RingMemory, type Written } from './memory.ts'
import { COMPLETION_BUFFER, COMPLETION_BUFFER_SHIFT, COMPLETION_MORE, kinds, Party, type Ring } from './ring.ts'

/** When so much waits to be sent, nothing more is to be written, in bytes. */
const QUEUED_BYTES_MAX = 32_768
/** When so little is left, there is room again. */
const QUEUED_BYTES_LOW = 8_192

const ENOBUFS = -105
const ECANCELED = -125

/** What all connections of a ring share. */
export interface RingParts {
  readonly ring: Ring
  readonly memory: RingMemory
  readonly arena: Arena
  /** Calls `readHeld` at the end of the turn. */
  readonly later: (socket: RingSocket) => void
}

/** A try to connect. */
interface Connecting {
  /** Read by the kernel until it is done. */
  readonly address: Buffer
  readonly done: (result: number) => void
}

export class RingSocket extends Party {
  readonly connection: Connection
  readonly #parts: RingParts
  /** -1: none yet, or closed. */
  #fd: number
  #isReading = false
  #isPiecewise = true
  /** Bytes that came although the connection is paused. */
  readonly #held: Buffer[] = []
  /** The other side sends nothing more, and whether the engine knows. */
  #isEnded = false
  #isEndTold = false
  #sending: Written | null = null
  readonly #queue: Written[] = []
  #queuedBytes = 0
  #wantsEnd = false
  #isShut = false
  #connecting: Connecting | null = null
  #taken: ((fd: number, read: readonly Buffer[]) => void) | null = null
  readonly #onGone: (() => void) | null

  /** @param onGone called when it is over, unless it was let go. */
  constructor(parts: RingParts, connection: Connection, fd: number, onGone: (() => void) | null = null) {
    super()
    this.#onGone = onGone
    this.#parts = parts
    this.connection = connection
    this.#fd = fd
    parts.ring.add(this)
  }

  /** Connects a fresh descriptor. @param memoryAddress of its `struct sockaddr`. */
  connect(fd: number, connecting: Connecting, memoryAddress: number): void {
    this.#fd = fd
    this.#connecting = connecting
    this.#parts.ring.connect(this, fd, memoryAddress, connecting.address.length)
  }

  /** Ends a try to connect that takes too long. */
  giveUp(): void {
    if (!this.isLeaving) this.#parts.ring.cancelAll(this, this.#fd)
  }

  /** A try to connect has failed: its descriptor is not used any more. */
  dropDescriptor(): void {
    this.#parts.ring.close(this, this.#fd)
    this.#fd = -1
  }

  /** Reads, unless that is not wanted or under way. */
  read(): void {
    if (this.#isReading || this.#isEnded || this.connection.paused || this.isLeaving) return
    this.#isReading = true
    this.#parts.ring.recv(this, this.#fd, !this.#isPiecewise)
  }

  write(start: number, end: number): void {
    const written = this.#parts.memory.keep(start, end)
    this.#queuedBytes += written.left
    if (this.#sending === null) this.#send(written)
    else this.#queue.push(written)
    if (this.#queuedBytes > QUEUED_BYTES_MAX) this.connection.blocked = true
  }

  pause(): void {
    this.connection.paused = true
    this.#readPiecewise()
  }

  resume(): void {
    this.connection.paused = false
    // Not now: the engine is in the middle of something.
    if (this.#held.length > 0 || this.#isEnded) this.#parts.later(this)
    else this.read()
  }

  /** Hands over what came while the connection was paused, or leaves when there was nothing to wait for. */
  readHeld(): void {
    const { connection } = this
    if (this.isLeaving) {
      this.#parts.ring.leave(this)
      return
    }
    const { bytes, input } = this.#parts.arena
    while (!connection.closed && !connection.paused) {
      const held = this.#held.shift()
      if (held === undefined) break
      connection.received(input, input + held.copy(bytes, input))
    }
    if (this.#isEnded) this.#tellEnd()
    else this.read()
  }

  end(): void {
    if (this.#wantsEnd) return
    this.#wantsEnd = true
    if (this.#sending === null && !this.isLeaving) this.#shut()
  }

  /** Ends everything at once. */
  destroy(): void {
    if (this.isLeaving) return
    const { ring, memory } = this.#parts
    this.connection.closed = true
    for (const written of this.#queue.splice(0)) memory.release(written)
    this.#held.length = 0
    if (this.#fd !== -1) {
      if (this.pending > 0) ring.cancelAll(this, this.#fd)
      ring.close(this, this.#fd)
      this.#fd = -1
    }
    this.isLeaving = true
    // `gone` is not called before this returns.
    if (this.pending === 0) this.#parts.later(this)
  }

  /**
   * Lets go of the descriptor, on which nothing was written yet.
   *
   * @param taken called when nothing is under way on it any more, with what was read meanwhile.
   */
  letGo(taken: (fd: number, read: readonly Buffer[]) => void): void {
    if (this.isLeaving) return
    this.#taken = taken
    // What comes from now on is held.
    this.connection.paused = true
    if (this.#isReading) this.#parts.ring.cancelRecv(this)
    this.isLeaving = true
    if (this.pending === 0) this.#parts.later(this)
  }

  completed(kind: number, result: number, flags: number): void {
    switch (kind) {
      case kinds.recv:
        this.#received(result, flags)
        break
      case kinds.send:
        this.#sent(result)
        break
      case kinds.connect:
        this.#connecting?.done(result)
        break
      case kinds.shutdown:
        this.#isShut = true
        if (result < 0 || this.#isEndTold) this.destroy()
        break
      default:
    }
  }

  left(): void {
    const { connection } = this
    if (this.#taken === null) {
      connection.gone()
      this.#onGone?.()
      return
    }
    connection.closed = true
    this.#taken(this.#fd, this.#held)
  }

  #received(result: number, flags: number): void {
    if ((flags & COMPLETION_MORE) === 0) this.#isReading = false
    if ((flags & COMPLETION_BUFFER) !== 0) {
      const buffer = flags >>> COMPLETION_BUFFER_SHIFT
      const start = this.#parts.memory.startOf(buffer)
      if (result > 0 && !this.connection.closed) this.#take(start, start + result)
      this.#parts.memory.giveBack(buffer)
      if (result === BUFFER_BYTES) this.#readPiecewise()
      else if (!this.#isReading && !this.connection.paused) this.#isPiecewise = false
    }
    if (this.connection.closed) return
    if (result === 0) {
      this.#isEnded = true
      if (!this.connection.paused && this.#held.length === 0) this.#tellEnd()
    } else if (result > 0 || result === ENOBUFS || result === ECANCELED) this.read()
    else this.destroy()
  }

  #readPiecewise(): void {
    if (this.#isReading && !this.#isPiecewise && !this.isLeaving) this.#parts.ring.cancelRecv(this)
    this.#isPiecewise = true
  }

  #take(start: number, end: number): void {
    const { connection } = this
    // Held bytes come first.
    if (!connection.paused && this.#held.length === 0) connection.received(start, end)
    else this.#held.push(Buffer.from(this.#parts.arena.bytes.subarray(start, end)))
  }

  #tellEnd(): void {
    const { connection } = this
    if (this.#isEndTold || this.#held.length > 0 || connection.paused || connection.closed) return
    this.#isEndTold = true
    connection.ended()
    if (this.#isShut) this.destroy()
  }

  #send(written: Written): void {
    this.#sending = written
    this.#parts.ring.send(this, this.#fd, written.address, written.left)
  }

  #sent(result: number): void {
    const written = this.#sending
    if (written === null) return
    if (result > 0 && result < written.left && !this.isLeaving) {
      written.address += result
      written.left -= result
      this.#queuedBytes -= result
      this.#send(written)
      return
    }
    this.#sending = null
    this.#queuedBytes -= written.left
    this.#parts.memory.release(written)
    if (this.isLeaving) return
    if (result < 0) {
      this.destroy()
      return
    }
    const next = this.#queue.shift()
    if (next !== undefined) this.#send(next)
    else if (this.#wantsEnd) this.#shut()
    if (!this.connection.blocked || this.#queuedBytes > QUEUED_BYTES_LOW) return
    this.connection.blocked = false
    this.connection.drained()
  }

  #shut(): void {
    this.#parts.ring.shutdown(this, this.#fd)
  }
}

/**
 * The memory that the kernel reads from and writes to on its own time, in the engine's arena.
 *
 * Buffers to read into: the kernel takes the next free one when bytes have arrived, so connections that wait hold none.
 * Places to send from: what is written is copied into one, and lies still there until the kernel has taken it; longer
 * ranges are lent by the arena instead, and when it has nothing to lend, they get memory of their own.
 *
 * Source: io_uring_register(2), IORING_REGISTER_PBUF_RING.
 *
 * @module
 */
import type { Arena } from '#agent/http/arena.ts'
import type { Mapped, Native } from './native.ts'
import type { Ring } from './ring.ts'

/** A power of two. One turn reads so much at most; what comes beyond waits in the sockets. */
const BUFFERS = 512
/** Not longer than what the engine takes at a time. */
export const BUFFER_BYTES = 16_384
/** Places for what is written, and their length: most heads with a small body fit. */
const PLACES = 1_024
const PLACE_BYTES = 8_192

const BUFFER_ENTRY_BYTES = 16

/** What the arena has to have room for, in bytes. */
export const RING_ROOM_BYTES = BUFFERS * BUFFER_BYTES + PLACES * PLACE_BYTES

/** Bytes that lie still. */
export class Written {
  /** What is not sent yet: addresses of this process. */
  address: number
  left: number
  /** In the arena: of a place, or of what was lent; -1: neither. */
  readonly place: number
  readonly isLent: boolean
  /** Memory of its own, referenced as long as the kernel may read it. */
  readonly own: Buffer | null

  constructor(address: number, left: number, place: number, isLent: boolean, own: Buffer | null) {
    this.address = address
    this.left = left
    this.place = place
    this.isLent = isLent
    this.own = own
  }
}

export class RingMemory implements Disposable {
  readonly #arena: Arena
  readonly #native: Native
  readonly #base: number
  readonly #freePlaces: number[] = []
  readonly #given: Mapped
  readonly #entries: Int32Array
  readonly #halves: Uint16Array
  #tail = 0

  constructor(native: Native, ring: Ring, arena: Arena) {
    this.#native = native
    this.#arena = arena
    this.#base = native.addressOf(arena.bytes)
    const places = arena.room + BUFFERS * BUFFER_BYTES
    for (let place = PLACES - 1; place >= 0; place--) this.#freePlaces.push(places + place * PLACE_BYTES)
    this.#given = native.mapPages(BUFFERS * BUFFER_ENTRY_BYTES)
    this.#entries = new Int32Array(this.#given.buffer)
    this.#halves = new Uint16Array(this.#given.buffer)
    ring.registerBuffers(this.#given.address, BUFFERS)
    for (let buffer = 0; buffer < BUFFERS; buffer++) this.giveBack(buffer)
  }

  /** @returns where in the arena a buffer begins. */
  startOf(buffer: number): number {
    return this.#arena.room + buffer * BUFFER_BYTES
  }

  /** Gives a buffer to the kernel again. */
  giveBack(buffer: number): void {
    const address = this.#base + this.startOf(buffer)
    const entry = (this.#tail & (BUFFERS - 1)) * 4
    this.#entries[entry] = address | 0
    this.#entries[entry + 1] = Math.floor(address / 4_294_967_296)
    this.#entries[entry + 2] = BUFFER_BYTES
    this.#halves[entry * 2 + 6] = buffer
    this.#tail = (this.#tail + 1) & 0xffff
    // The tail lies in the first entry, where that has nothing.
    this.#halves[7] = this.#tail
  }

  /** Makes a range of the arena lie still. */
  keep(start: number, end: number): Written {
    const length = end - start
    const { bytes } = this.#arena
    if (length <= PLACE_BYTES) {
      const place = this.#freePlaces.pop()
      if (place !== undefined) {
        bytes.copyWithin(place, start, end)
        return new Written(this.#base + place, length, place, false, null)
      }
    } else if (this.#arena.canLend) return new Written(this.#base + start, length, this.#arena.lend(), true, null)
    const own = Buffer.allocUnsafeSlow(length)
    bytes.copy(own, 0, start, end)
    return new Written(this.#native.addressOf(own), length, -1, false, own)
  }

  /** The kernel does not read it any more. */
  release(written: Written): void {
    if (written.place === -1) return
    if (written.isLent) this.#arena.giveBack(written.place)
    else this.#freePlaces.push(written.place)
  }

  [Symbol.dispose](): void {
    this.#native.unmap(this.#given)
  }
}

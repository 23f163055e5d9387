/**
 * A connection whose bytes may have to wait: what cannot be used yet is carried to the next read, within a bound.
 *
 * Bytes lie in the arena while they are read, and are gone when the read returns. Whoever extends this reads them part
 * by part; what is left over is kept, put in front of what comes next, and counted over all connections.
 *
 * @module
 */
import { CARRY_BYTES_MAX } from './arena.ts'
import type { EngineParts } from './engine-parts.ts'
import { Connection, type Io } from './io.ts'

export abstract class BufferedConnection extends Connection {
  protected readonly parts: EngineParts
  /** What is being read: a range of the arena. */
  protected at = 0
  protected end = 0
  protected isReading = false
  #carry: Buffer | null = null
  #start = 0

  constructor(parts: EngineParts, io: Io) {
    super(io)
    this.parts = parts
  }

  /** Reads one part of what is there, from `at` on. @returns false when it must wait. */
  protected abstract step(): boolean
  /** Whether nothing that comes is read any more. */
  protected abstract get isDeaf(): boolean

  /** Bytes that wait. */
  protected get waiting(): number {
    return this.#carry === null ? 0 : this.#carry.length - this.#start
  }

  /** Reads what has arrived, behind what waits. */
  protected read(start: number, end: number): void {
    if (this.#carry !== null) {
      this.keep(start, end)
      this.readWaiting()
      return
    }
    this.#read(start, end)
    if (this.at < end && !this.isDeaf && !this.closed) this.keep(this.at, end)
  }

  /** Reads what waits. */
  protected readWaiting(): void {
    if (this.#carry === null || this.isReading) return
    const end = this.join()
    this.#read(this.parts.arena.joined, end)
    this.forgetRead()
  }

  /** Copies what waits into the arena, at its place for joined bytes. @returns the place behind it. */
  protected join(): number {
    const { bytes, joined } = this.parts.arena
    return this.#carry === null ? joined : joined + this.#carry.copy(bytes, joined, this.#start)
  }

  /** Notes that of what waits only the bytes from `at` on are left. */
  protected forgetRead(): void {
    if (this.#carry === null) return
    this.#start = this.#carry.length - (this.end - this.at)
    if (this.#start >= this.#carry.length || this.isDeaf || this.closed) this.forgetWaiting()
  }

  protected forgetWaiting(): void {
    this.#setCarry(null)
  }

  /** Lets bytes wait. */
  protected keep(start: number, end: number): void {
    const before = this.waiting
    if (before + end - start > CARRY_BYTES_MAX) {
      // Not read any more, and yet here: nothing that keeps to the rules does that.
      this.overflowed()
      return
    }
    const carry = Buffer.allocUnsafeSlow(before + end - start)
    this.#carry?.copy(carry, 0, this.#start)
    this.parts.arena.bytes.copy(carry, before, start, end)
    this.#setCarry(carry)
  }

  /** More waits than may. */
  protected abstract overflowed(): void

  #read(start: number, end: number): void {
    this.at = start
    this.end = end
    this.isReading = true
    while (this.at < this.end && !this.closed && this.step());
    this.isReading = false
  }

  #setCarry(carry: Buffer | null): void {
    this.parts.carried.bytes += (carry?.length ?? 0) - (this.#carry?.length ?? 0)
    this.#carry = carry
    this.#start = 0
  }
}

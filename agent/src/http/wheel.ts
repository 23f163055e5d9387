/**
 * Deadlines of many connections on one timer.
 *
 * Setting a deadline is one comparison: an entry stays in the slot in which it is as long as that comes first, and is
 * looked at again when its slot comes round. So a connection that moves its deadline with every request costs nothing
 * but a number. Deadlines are kept up to two ticks late, and never early.
 *
 * @module
 */

/** How often the wheel turns, in milliseconds. */
const TICK_MS = 50
/** Deadlines that lie further ahead than the wheel is long are put off when they come round. */
const SLOTS = 256

/** Something with a deadline. */
export abstract class Timed {
  /** Of the wheel's clock; 0: none. Set through the wheel. */
  deadlineMs = 0
  /** Belongs to the wheel: number of the tick in whose slot it is; -1: in none. */
  tick = -1
  nextTimed: Timed | null = null
  previousTimed: Timed | null = null

  /** The deadline has passed. */
  abstract expired(): void
}

export class Wheel implements Disposable {
  /** Time of the last tick, in milliseconds of the monotonic clock. */
  nowMs: number
  readonly #clock: () => number
  readonly #slots: (Timed | null)[] = Array.from({ length: SLOTS }, () => null)
  readonly #timer: NodeJS.Timeout
  #tick = 0
  readonly #startMs: number

  constructor(monotonic: () => number) {
    this.#clock = monotonic
    this.#startMs = this.nowMs = monotonic()
    this.#timer = setInterval(() => this.turn(), TICK_MS).unref()
  }

  /** Calls `expired` in so many milliseconds, unless another deadline is set before. */
  set(entry: Timed, inMs: number): void {
    const deadlineMs = this.nowMs + TICK_MS + inMs
    entry.deadlineMs = deadlineMs
    // It is looked at before that, and then put where it belongs.
    if (entry.tick !== -1 && this.#startMs + entry.tick * TICK_MS <= deadlineMs) return
    const tick = Math.min(Math.ceil((deadlineMs - this.#startMs) / TICK_MS), this.#tick + SLOTS - 1)
    if (entry.tick !== -1) {
      if (entry.tick <= tick) return
      this.#take(entry)
    }
    this.#put(entry, tick)
  }

  /** Takes a deadline back. */
  clear(entry: Timed): void {
    entry.deadlineMs = 0
  }

  /** Forgets an entry: it will not be used any more. */
  remove(entry: Timed): void {
    entry.deadlineMs = 0
    if (entry.tick !== -1) this.#take(entry)
  }

  /** Calls what is due. */
  turn(): void {
    this.nowMs = this.#clock()
    const last = Math.floor((this.nowMs - this.#startMs) / TICK_MS)
    // After a long pause of the process every slot is due once.
    if (last - this.#tick > SLOTS) this.#tick = last - SLOTS
    while (this.#tick < last) {
      this.#tick += 1
      this.#turnTo(this.#tick % SLOTS)
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #turnTo(slot: number): void {
    // One at a time: what `expired` does may take others out of this slot. None is put into it meanwhile.
    for (let entry = this.#slots[slot] ?? null; entry !== null; entry = this.#slots[slot] ?? null) {
      this.#take(entry)
      this.#look(entry)
    }
  }

  #look(entry: Timed): void {
    const { deadlineMs } = entry
    if (deadlineMs === 0) return
    if (deadlineMs <= this.nowMs) {
      entry.deadlineMs = 0
      entry.expired()
      return
    }
    const tick = Math.ceil((deadlineMs - this.#startMs) / TICK_MS)
    this.#put(entry, Math.min(Math.max(tick, this.#tick + 1), this.#tick + SLOTS - 1))
  }

  #put(entry: Timed, tick: number): void {
    const slot = tick % SLOTS
    const first = this.#slots[slot] ?? null
    entry.tick = tick
    entry.previousTimed = null
    entry.nextTimed = first
    if (first !== null) first.previousTimed = entry
    this.#slots[slot] = entry
  }

  #take(entry: Timed): void {
    const { previousTimed, nextTimed } = entry
    if (previousTimed === null) {
      const slot = entry.tick % SLOTS
      if (this.#slots[slot] === entry) this.#slots[slot] = nextTimed
    } else previousTimed.nextTimed = nextTimed
    if (nextTimed !== null) nextTimed.previousTimed = previousTimed
    entry.tick = -1
    entry.nextTimed = entry.previousTimed = null
  }
}

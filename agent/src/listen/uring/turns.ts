/**
 * How a ring and the event loop of Node.js share one thread.
 *
 * Each turn hands over what was prepared, works off what is done, and lets the event loop turn once. When there is
 * nothing to do, the thread waits on the ring, and the ring watches the descriptor on which the event loop would wait:
 * sockets of Node.js, messages of other threads and signals end the wait at once. How long the event loop itself would
 * wait is asked of it, so that timers are in time and an idle thread sleeps.
 *
 * Source: libuv, "uv_backend_fd" and "uv_backend_timeout", made for embedding one event loop in another.
 *
 * @module
 */
import { Party, type Ring } from './ring.ts'

/** Longest wait, in milliseconds. Nothing depends on it. */
const WAIT_MS_MAX = 1_000
/** Turns after which a ring is given up although something is still under way on it. */
const LAST_TURNS_MAX = 200
/** Longest interval of a timer, in milliseconds. */
const NEVER_MS = 2_147_483_647

/** The event loop, as it shows itself to one in which it is embedded. */
export interface EventLoop {
  readonly descriptor: number
  /** How long it would wait, in milliseconds; 0: it has something to do; -1: until something comes. */
  waitMs(): number
}

export interface TurnWork {
  /** Whether something is to be done before the ring is waited for. */
  readonly hasLater: boolean
  finishTurn(): void
}

export class Turns implements Disposable {
  readonly #ring: Ring
  readonly #work: TurnWork
  readonly #loop: EventLoop
  readonly #watch: LoopWatch
  /** An event loop without anything to wait for says that it has something to do. */
  readonly #hold = setInterval(() => {}, NEVER_MS)
  #isOver = false

  constructor(ring: Ring, work: TurnWork, loop: EventLoop) {
    this.#ring = ring
    this.#work = work
    this.#loop = loop
    this.#watch = new LoopWatch(ring, loop.descriptor)
    setImmediate(this.#turn)
  }

  /** Finishes what was put in before; no turn follows. */
  [Symbol.dispose](): void {
    this.#isOver = true
    clearInterval(this.#hold)
    for (let turns = 0; turns < LAST_TURNS_MAX && (this.#ring.hasLeaving || this.#work.hasLater); turns++) {
      this.#ring.enter(1)
      this.#ring.complete()
      this.#work.finishTurn()
    }
  }

  readonly #turn = (): void => {
    if (this.#isOver) return
    // First: what throws in this turn does not end the turns.
    const next = setImmediate(this.#turn)
    this.#watch.arm()
    this.#ring.enter(this.#work.hasLater ? 0 : this.#waitMs(next))
    this.#ring.complete()
    this.#work.finishTurn()
  }

  /** @param next the next turn, which is no reason for the event loop not to wait. */
  #waitMs(next: NodeJS.Immediate): number {
    next.unref()
    const waitMs = this.#loop.waitMs()
    next.ref()
    return waitMs === -1 ? WAIT_MS_MAX : Math.min(waitMs, WAIT_MS_MAX)
  }
}

/** Ends a wait when the event loop has something to do. */
class LoopWatch extends Party {
  readonly #ring: Ring
  readonly #descriptor: number
  #isArmed = false

  constructor(ring: Ring, descriptor: number) {
    super()
    this.#ring = ring
    this.#descriptor = descriptor
    ring.add(this)
  }

  arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#ring.poll(this, this.#descriptor)
  }

  completed(): void {
    this.#isArmed = false
  }

  left(): void {
    throw new Error('the watch stays as long as its ring')
  }
}

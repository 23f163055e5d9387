/**
 * A service that is simulated: so many requests at a time, the others wait in line, and every request takes a while.
 *
 * Load arrives on its own (it does not wait for answers), through a limit. Time is made of events, so that minutes pass
 * in a moment and a run with the same seed is the same run.
 *
 * @module
 */
import { createRandom } from '#agent/testing/random.ts'
import { AdaptiveLimit } from '#agent/upstream/overload/adaptive-limit.ts'

export interface Simulation {
  readonly seed: number
  readonly floor: number
  readonly lastsMs: number
  /** Requests a second that arrive at a time. */
  readonly load: (nowMs: number) => number
  /** Requests that are worked on at once; Infinity: nobody waits for anybody. */
  readonly servers: (nowMs: number) => number
  /** How long one is worked on. @param random from 0 up to 1. */
  readonly workMs: (random: () => number, nowMs: number) => number
}

const WHOLE = 2 ** 30

export interface Simulated {
  /** Of those that were answered, in order. */
  readonly answers: readonly { readonly atMs: number; readonly tookMs: number }[]
  readonly refusals: readonly number[]
  readonly limit: AdaptiveLimit
  /** Most that waited at once. */
  readonly peak: number
}

interface Request {
  readonly startMs: number
  readonly workMs: number
}

export function simulate({ seed, floor, lastsMs, load, servers, workMs }: Simulation): Simulated {
  const below = createRandom(seed)
  const random = (): number => below(WHOLE) / WHOLE
  const limit = new AdaptiveLimit(floor)
  const line: Request[] = []
  let lineAt = 0
  // Ends of those that are worked on: a heap would be faster; runs are short.
  const ends = new Heap()
  const answers: { atMs: number; tookMs: number }[] = []
  const refusals: number[] = []
  let nextMs = 0
  let peak = 0
  const waiting = (): number => line.length - lineAt + ends.size

  function work(nowMs: number): void {
    while (lineAt < line.length && ends.size < servers(nowMs)) {
      const next = line[lineAt++]
      if (next !== undefined) ends.push(nowMs + next.workMs, next.startMs)
    }
    if (lineAt > 10_000) lineAt -= line.splice(0, lineAt).length
  }

  for (;;) {
    const endMs = ends.next
    const nowMs = Math.min(endMs, nextMs)
    if (nowMs >= lastsMs) break
    if (endMs <= nextMs) {
      const startMs = ends.pop()
      answers.push({ atMs: nowMs, tookMs: nowMs - startMs })
      limit.answered(nowMs - startMs, nowMs, waiting())
    } else {
      nextMs = nowMs - (Math.log(1 - random()) * 1_000) / load(nowMs)
      if (waiting() >= limit.limit) {
        limit.refused += 1
        refusals.push(nowMs)
      } else {
        line.push({ startMs: nowMs, workMs: workMs(random, nowMs) })
        limit.peak = Math.max(limit.peak, waiting())
        peak = Math.max(peak, waiting())
      }
    }
    work(nowMs)
  }
  return { answers, refusals, limit, peak }
}

/** The earliest first. */
class Heap {
  readonly #items: (readonly [atMs: number, value: number])[] = []

  get size(): number {
    return this.#items.length
  }

  get next(): number {
    return this.#items[0]?.[0] ?? Infinity
  }

  push(atMs: number, value: number): void {
    const items = this.#items
    let at = items.push([atMs, value]) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const [one, other] = [items[at], items[above]]
      if (one === undefined || other === undefined || other[0] <= one[0]) return
      ;[items[at], items[above]] = [other, one]
      at = above
    }
  }

  pop(): number {
    const items = this.#items
    const [first] = items
    const last = items.pop()
    if (first === undefined || last === undefined) throw new RangeError('there is nothing')
    if (items.length > 0) {
      items[0] = last
      this.#sink()
    }
    return first[1]
  }

  #sink(): void {
    const items = this.#items
    for (let at = 0; ;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if ((items[child]?.[0] ?? Infinity) < (items[least]?.[0] ?? Infinity)) least = child
      }
      const [one, other] = [items[at], items[least]]
      if (least === at || one === undefined || other === undefined) return
      ;[items[at], items[least]] = [other, one]
      at = least
    }
  }
}

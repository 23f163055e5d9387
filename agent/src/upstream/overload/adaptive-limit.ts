/**
 * How many requests a service should have waiting for an answer: found out from how long its answers take.
 *
 * As long as there are no more than the floor, nothing is limited, and what answers take then is the baseline: that is
 * how long the service needs when nobody waits. Above the floor, the service is under suspicion when all three quartiles
 * are more than twice their baseline. One of them alone proves nothing: fast and slow requests may have come in other
 * numbers. Then follow, each for as long as answers take:
 *
 * 1. `holding`: no more may wait than do. Where none more come either, the service is only slower than it was, and that
 *    is the new baseline.
 * 2. `trying`: else about half of them may. Where answers take as long as before, waiting is not for each other: new
 *    baseline. Where they are faster, there was a queue.
 * 3. `throttled`: from then on the limit follows the gradient: it is multiplied by twice the baseline over what answers
 *    take, and grows while that is below. From time to time half more are let through, to see whether answers get slower
 *    with them (`probing`): where they do not, the service has changed, and that is the new baseline.
 *
 * Pure arithmetic: the time comes with every call. The ideas are those of gradient limiters (Netflix concurrency-limits
 * Gradient2, the adaptive concurrency filter of Envoy); what differs is that the minimum round-trip time is measured
 * without refusing anybody, that quartiles are compared instead of means, and that every suspicion has to be confirmed.
 *
 * @module
 */
import { LatencyWindow, type Quartiles } from './latency-window.ts'

/** Shortest look at the answers, in milliseconds. */
const WINDOW_MS = 250
/** Answers that a look needs. */
const WINDOW_ANSWERS = 40
/** A look that took longer says nothing about now, in milliseconds. */
const WINDOW_MS_MAX = 10_000
/** How often the baseline answers may take until a service is suspicious. Less is noise of usual services. */
const TOLERANCE = 2
/** What a look at a quiet service counts beside those before it. */
const BASELINE_WEIGHT = 0.2
/** How many more than waited may wait while it is found out whether more come. */
const HOLD_ROOM = 1.25
/** Looks without a refusal after which a slower service is taken as it is. */
const HOLD_LOOKS = 8
/** Part of those who wait that is let through to see whether answers get faster. */
const TRY_SHARE = 0.55
/** What is let through more to see whether answers get slower, and how often, in milliseconds. */
const PROBE_SHARE = 1.5
const PROBE_EVERY_MS = 10_000
/** Looks between two of them at least: where answers take long, so does finding the limit. */
const PROBE_LOOKS = 8
/** Below this, answers do not depend on how many wait: 1 is a queue, 0 is none. */
const ELASTICITY_MIN = 0.5
/** The smallest step by which the limit falls. */
const GRADIENT_MIN = 0.5
/** Share of answers that did not come in time: then nothing is learnt about how long they take. */
const LATE_SHARE_MAX = 0.25
/** Looks without a refusal after which nothing is limited any more. */
const CALM_LOOKS = 4
/** What takes about as long as before, as a logarithm: 16 %. */
const STEADY = 0.15
/** Looks that are waited for that. */
const UNSTEADY_LOOKS = 12
/** Longest wait until those who came under the old limit are through, in milliseconds. */
const SETTLE_MS_MAX = 5_000

export type AdaptiveState = 'open' | 'holding' | 'trying' | 'throttled' | 'probing'

export class AdaptiveLimit {
  /** Requests that may wait for an answer; Infinity: all that come. */
  limit = Infinity
  state: AdaptiveState = 'open'
  /** Most that waited at once since the window began. Whoever lets them in keeps it. */
  peak = 0
  /** Requests that were refused since the window began. Whoever refuses keeps it. */
  refused = 0
  #floor: number
  readonly #window = new LatencyWindow()
  #late = 0
  #startMs = -Infinity
  #baseline: Quartiles | null = null
  #looks = 0
  /** What was seen before the limit was changed for a trial. */
  #before = { peak: 0, ms: 0, limit: 0 }
  #probedMs = 0
  #looksSinceProbe = 0
  #windowMs = WINDOW_MS
  /** Answers per millisecond in the last look. */
  #perMs = 1
  /** Median at the last look since the limit was changed. */
  #steadyMs = Infinity
  #unsteady = 0

  constructor(floor: number) {
    this.#floor = floor
  }

  /** Median of the answers when nobody waits, in milliseconds; null: not known yet. */
  get baselineMs(): number | null {
    return this.#baseline?.[1] ?? null
  }

  set floor(floor: number) {
    this.#floor = floor
    if (this.limit < floor) this.limit = floor
  }

  /**
   * An answer began.
   *
   * @param inFlight how many others wait.
   * @param late whether it did not come in time.
   */
  answered(ms: number, nowMs: number, inFlight: number, late = false): void {
    // Whoever came under another limit says nothing about this one.
    if (nowMs < this.#startMs) return
    if (this.#window.size === 0) {
      this.#startMs = nowMs
      this.peak = inFlight
      this.refused = 0
    }
    this.#window.add(ms)
    if (late) this.#late += 1
    if (nowMs - this.#startMs < this.#windowMs || this.#window.size < WINDOW_ANSWERS) return
    this.#look(nowMs)
    this.#window.clear()
    this.#late = 0
  }

  #look(nowMs: number): void {
    const seen = this.#window.quartiles()
    if (this.state !== 'open' && nowMs - this.#startMs > WINDOW_MS_MAX) return this.#open()
    const isCrowded = this.peak > this.#floor
    this.#windowMs = Math.min(Math.max(WINDOW_MS, seen[1] / 4), WINDOW_MS_MAX / 4)
    this.#perMs = this.#window.size / Math.max(nowMs - this.#startMs, 1)
    if (this.#baseline === null || (this.state === 'open' && !isCrowded)) return this.#learn(seen)
    const slack = slackOf(this.#baseline, seen)
    this.#baseline = lowered(this.#baseline, seen)
    switch (this.state) {
      case 'open':
        if (slack < 1) this.#hold(nowMs, seen)
        break
      case 'holding':
        this.#lookHolding(nowMs, seen, slack)
        break
      case 'trying':
        if (this.#isQueue(seen) || this.#isLate) this.#throttle(nowMs, seen, slack)
        else if (this.#isSteady(seen)) this.#accept(seen)
        break
      case 'probing':
        if (this.peak < this.#before.peak * 1.2 || this.#isQueue(seen) || this.#isLate) {
          this.state = 'throttled'
          this.#limitTo(this.#before.limit, nowMs, seen)
        } else if (this.#isSteady(seen)) this.#accept(seen)
        break
      case 'throttled':
        this.#throttle(nowMs, seen, slack)
        break
    }
  }

  #learn(seen: Quartiles): void {
    this.#baseline = this.#baseline === null ? seen : mixed(this.#baseline, seen)
  }

  #open(): void {
    this.state = 'open'
    this.limit = Infinity
    this.#looks = 0
  }

  /** What answers take now is what they take. */
  #accept(seen: Quartiles): void {
    this.#baseline = seen
    this.#open()
  }

  #hold(nowMs: number, seen: Quartiles): void {
    this.state = 'holding'
    this.#looks = 0
    this.#limitTo(this.peak * HOLD_ROOM, nowMs, seen)
  }

  #lookHolding(nowMs: number, seen: Quartiles, slack: number): void {
    if (slack >= 1) return this.#open()
    if (this.refused === 0) {
      this.#looks += 1
      if (this.#looks >= HOLD_LOOKS && !this.#isLate) this.#accept(seen)
      return
    }
    if (!this.#isSteady(seen)) return
    this.#remember(seen)
    this.state = 'trying'
    this.#limitTo(this.peak * TRY_SHARE, nowMs, seen)
  }

  #throttle(nowMs: number, seen: Quartiles, slack: number): void {
    if (this.state !== 'throttled') {
      this.state = 'throttled'
      this.#looks = 0
      this.#probedMs = nowMs
      this.#looksSinceProbe = 0
    }
    this.#looksSinceProbe += 1
    this.#looks = this.refused === 0 && slack >= 1 ? this.#looks + 1 : 0
    if (this.#looks >= CALM_LOOKS) return this.#open()
    if (this.refused > 0 && this.#isProbeDue(nowMs)) {
      this.#probedMs = nowMs
      this.#looksSinceProbe = 0
      this.#remember(seen)
      this.state = 'probing'
      this.#limitTo(this.limit * PROBE_SHARE, nowMs, seen)
      return
    }
    if (slack < 1) this.#limitTo(this.limit * Math.max(GRADIENT_MIN, slack), nowMs, seen)
    // Whoever is far from a queue is given more at once; near it, it is felt for.
    else if (this.refused > 0) {
      this.#limitTo(this.limit + (slack > 1.5 ? this.limit / 2 : Math.sqrt(this.limit)), nowMs, seen)
    }
  }

  #isProbeDue(nowMs: number): boolean {
    return nowMs - this.#probedMs >= PROBE_EVERY_MS && this.#looksSinceProbe > PROBE_LOOKS
  }

  #remember(seen: Quartiles): void {
    this.#before = { peak: this.peak, ms: seen[1], limit: this.limit }
  }

  /** Whether answers take the longer, the more wait: compared with what was remembered. */
  #isQueue(seen: Quartiles): boolean {
    const { peak, ms } = this.#before
    const grown = Math.log(Math.max(this.peak, 1) / Math.max(peak, 1))
    // As many wait as before: nothing was found out.
    if (Math.abs(grown) < 0.1) return true
    return Math.log(seen[1] / ms) / grown >= ELASTICITY_MIN
  }

  /**
   * Whether answers take as long as at the last look: until then, those that came before the limit was changed are still
   * felt. After many looks it is taken for that.
   */
  #isSteady(seen: Quartiles): boolean {
    const before = this.#steadyMs
    this.#steadyMs = seen[1]
    this.#unsteady += 1
    return this.#unsteady > UNSTEADY_LOOKS || Math.abs(Math.log(seen[1] / before)) < STEADY
  }

  get #isLate(): boolean {
    return this.#late >= this.#window.size * LATE_SHARE_MAX
  }

  #limitTo(limit: number, nowMs: number, seen: Quartiles): void {
    this.limit = Math.max(limit, this.#floor)
    this.#steadyMs = Infinity
    this.#unsteady = 0
    // Who comes last under it waits as long as all others take (Little's law).
    const waitMs = Math.min(this.peak, this.limit) / this.#perMs
    this.#startMs = nowMs + Math.min(Math.max(seen[2], waitMs), SETTLE_MS_MAX)
  }
}

/** Below 1: all quartiles are above what is tolerated. The one that says the least against the service counts. */
function slackOf(baseline: Quartiles, seen: Quartiles): number {
  return TOLERANCE * Math.max(baseline[0] / seen[0], baseline[1] / seen[1], baseline[2] / seen[2])
}

function mixed(before: Quartiles, seen: Quartiles): Quartiles {
  const mix = (one: number, other: number): number => one + BASELINE_WEIGHT * (other - one)
  return [mix(before[0], seen[0]), mix(before[1], seen[1]), mix(before[2], seen[2])]
}

/** A crowded service that is faster than it was is so when nobody waits as well. */
function lowered(before: Quartiles, seen: Quartiles): Quartiles {
  const [one, two, three] = mixed(before, seen)
  return [Math.min(before[0], one), Math.min(before[1], two), Math.min(before[2], three)]
}

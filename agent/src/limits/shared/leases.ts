/**
 * Limits that an agent takes ahead: most requests are decided from shared memory, and the store is asked in between.
 *
 * An agent holds `leaseUnits` of a key at most, all of its threads together. When less than half is left, the thread
 * that notices asks for what is missing, while requests go on; only where nothing is left does a request wait. A lease
 * ends after `leaseMs`, so what an agent does not use comes back to the others with the window.
 *
 * What is told to remain is what the store had left when it was asked last, and what this agent still holds: what others
 * have used since then is not in it, and is no more than the error bound of the limit.
 *
 * @module
 */
import { type CompiledLimit, type LimitDemand, type LimitState, leaseMs, leaseUnits, periodAt } from '@headgate/core'
import { pushArgs, redisKey, slotTag, stateOf } from './demand-args.ts'
import { type LeaseBeginning, type LeaseTable, type Refill } from './lease-table.ts'
import type { StoreLink } from './store-link.ts'

/** Units of one lease at most: they are counted in 32 bits. */
const UNITS_MAX = 2 ** 29
/** After a refusal the store is asked again no later than this, in milliseconds: others may have given something back. */
const ASK_AGAIN_MS_MAX = 1_000
/** Times that a request asks for more before it asks for itself: others took what came. */
const TRIES_MAX = 3

/** What a limit's lease is like, with so many agents. */
interface Terms {
  readonly environmentId: string
  readonly beginning: LeaseBeginning
  agents: number
  units: number
}

/** `each`: this demand is to be asked for by itself. `away`: the store does not answer. */
export type Leased = LimitState | 'each' | 'away'

export interface LeasesOptions {
  readonly table: LeaseTable
  readonly link: StoreLink
  readonly clock: { now(): number; monotonic(): number }
  /** This thread, to the store. */
  readonly holder: string
}

export class Leases {
  readonly #options: LeasesOptions
  readonly #terms = new WeakMap<CompiledLimit, Terms>()
  /** Of the entries that this thread asks for. */
  readonly #refills = new Map<number, Promise<boolean>>()

  constructor(options: LeasesOptions) {
    this.#options = options
  }

  /**
   * Takes from what is there.
   *
   * @returns null: it has to be asked for. A state that is `exceeded`: the store had nothing left, as known last.
   */
  takeNow(environmentId: string, demand: LimitDemand, nowMs: number): LimitState | null {
    const terms = this.#termsOf(environmentId, demand.limit)
    const { table } = this.#options
    const entry = table.find(terms.beginning, demand.key)
    if (entry === -1) return null
    const left = table.take(entry, demand.cost, terms.units, nowMs)
    if (left === -1) return nowMs < table.askAtMs(entry) ? this.#refused(demand, entry, nowMs) : null
    if (left < terms.units / 2 && nowMs >= table.askAtMs(entry))
      this.#refillAhead(environmentId, demand, entry, terms, nowMs)
    return this.#state(demand.limit, entry, left, nowMs)
  }

  /** Takes once there is something, before `untilMs`. */
  async takeSoon(environmentId: string, demand: LimitDemand, untilMs: number): Promise<Leased> {
    const { table, link, clock } = this.#options
    const terms = this.#termsOf(environmentId, demand.limit)
    // A lease of one unit would be a call for each request, and one after the other.
    if (terms.units < 2 || demand.cost > terms.units) return 'each'
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (!link.isUsable) return 'away'
      const nowMs = clock.monotonic()
      const found = table.find(terms.beginning, demand.key)
      const entry = found === -1 ? table.claim(terms.beginning, demand.key, nowMs) : found
      if (entry === -1) return 'each'
      // The look-up before a take says whose entry it is.
      table.find(terms.beginning, demand.key)
      const left = table.take(entry, demand.cost, terms.units, nowMs)
      if (left !== -1) return this.#state(demand.limit, entry, left, nowMs)
      if (nowMs < table.askAtMs(entry)) return this.#refused(demand, entry, nowMs)
      if (nowMs >= untilMs) return 'away'
      const own = this.#refills.get(entry)
      if (own !== undefined) await within(own, untilMs - nowMs)
      else if (table.beginRefill(entry, nowMs)) {
        await within(this.#refill(environmentId, demand, entry, terms), untilMs - nowMs)
      } else await table.refilled(entry, Math.max(1, untilMs - nowMs))
    }
    return link.isUsable ? 'each' : 'away'
  }

  /** Puts back what was taken by `takeNow` or `takeSoon`. */
  giveBack(environmentId: string, demand: LimitDemand): void {
    const { table } = this.#options
    const entry = table.find(this.#termsOf(environmentId, demand.limit).beginning, demand.key)
    // An entry that is gone takes its units along: they come back with the window.
    if (entry !== -1) table.add(entry, demand.cost)
  }

  /** @returns false: there is no lease of this key, or it would be owed too much. */
  charge(environmentId: string, demand: LimitDemand, units: number): boolean {
    const { table, clock, link } = this.#options
    const terms = this.#termsOf(environmentId, demand.limit)
    const entry = table.find(terms.beginning, demand.key)
    if (entry === -1 || units > UNITS_MAX || table.left(entry) < -UNITS_MAX) return false
    table.add(entry, -units)
    const nowMs = clock.monotonic()
    if (table.left(entry) < terms.units / 2 && link.isUsable)
      this.#refillAhead(environmentId, demand, entry, terms, nowMs)
    return true
  }

  #termsOf(environmentId: string, limit: CompiledLimit): Terms {
    const { table, link } = this.#options
    let terms = this.#terms.get(limit)
    if (terms === undefined || terms.environmentId !== environmentId) {
      const { id, algorithm, unit, windowMs } = limit
      // Names hold no space: so no two read the same.
      const beginning = table.beginning(`${environmentId} ${id} ${algorithm}${unit}${windowMs} `)
      terms = { environmentId, beginning, agents: 0, units: 0 }
      this.#terms.set(limit, terms)
    }
    const { agents } = link
    if (terms.agents !== agents) {
      terms.agents = agents
      terms.units = Math.min(UNITS_MAX, leaseUnits(limit, agents))
    }
    return terms
  }

  #refillAhead(environmentId: string, demand: LimitDemand, entry: number, terms: Terms, nowMs: number): void {
    const { table, link } = this.#options
    if (!link.isUsable || !table.beginRefill(entry, nowMs)) return
    void this.#refill(environmentId, demand, entry, terms)
  }

  /** Of the thread that has begun it. @returns whether the store answered. Does not reject. */
  #refill(environmentId: string, demand: LimitDemand, entry: number, terms: Terms): Promise<boolean> {
    const asked = this.#ask(environmentId, demand, entry, terms).finally(() => this.#refills.delete(entry))
    this.#refills.set(entry, asked)
    return asked
  }

  async #ask(environmentId: string, demand: LimitDemand, entry: number, terms: Terms): Promise<boolean> {
    const { table, link, clock, holder } = this.#options
    const { limit } = demand
    const left = table.settleEnded(entry, clock.monotonic())
    const [wanted, owed] = [Math.max(0, terms.units - Math.max(0, left)), Math.max(0, -left)]
    const args = link.head(holder)
    pushArgs(args, limit, wanted, null, clock.now())
    args.push(owed)
    const key = redisKey(link.group, slotTag(environmentId, demand), demand)
    const answer = await link.call(link.scripts.lease, [key], args)
    const refill = answer === null ? null : this.#read(limit, answer, wanted, owed)
    table.endRefill(entry, refill)
    return refill !== null
  }

  #read(limit: CompiledLimit, answer: readonly string[], wanted: number, owed: number): Refill {
    const { clock } = this.#options
    const nowMs = clock.monotonic()
    const [granted = 0, known = 0, resetMs = 0, retryAfterMs = 0] = answer.map(Number)
    const pauseMs = granted < wanted ? Math.max(1, Math.min(retryAfterMs, ASK_AGAIN_MS_MAX)) : 0
    return {
      granted,
      paid: owed,
      known,
      resetAtMs: nowMs + resetMs,
      askAtMs: granted < wanted ? nowMs + pauseMs : 0,
      endsAtMs: nowMs + lifeMs(limit, clock.now()),
    }
  }

  #state(limit: CompiledLimit, entry: number, left: number, nowMs: number): LimitState {
    const { table } = this.#options
    const remaining = Math.min(limit.burst, table.known(entry) + Math.max(0, left))
    return stateOf(limit, false, remaining, Math.max(0, table.resetAtMs(entry) - nowMs), 0)
  }

  #refused(demand: LimitDemand, entry: number, nowMs: number): LimitState {
    const { table } = this.#options
    const remaining = Math.max(0, table.left(entry))
    const retryAfterMs = table.askAtMs(entry) - nowMs
    return stateOf(demand.limit, true, remaining, Math.max(0, table.resetAtMs(entry) - nowMs), retryAfterMs)
  }
}

/** Waits for something that does not reject, and no longer than so many milliseconds. */
async function within(what: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, Math.max(1, ms))
  void what.then(() => resolve())
  await promise
  clearTimeout(timer)
}

/** What is left of a quota ends with its period. */
function lifeMs(limit: CompiledLimit, nowMs: number): number {
  return limit.calendar === null ? leaseMs(limit) : periodAt(limit.calendar, nowMs).endMs - nowMs
}

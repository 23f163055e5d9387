/**
 * What a shared limit does while the store is away: `local_share`, `open` or `closed`, as its policy says.
 *
 * A share is counted over all threads of the agent, in memory of its own. It begins used up at the moment at which the
 * store went away, and comes back evenly from then on, so that no failure adds a burst. A share of a quota comes evenly
 * over its period. What an agent admits meanwhile is charged when the store is back.
 *
 * @module
 */
import { type CompiledLimit, type LimitDemand, type LimitState, localShare } from '@headgate/core'
import { createLocalLimits, type LocalLimits } from '#agent/limits/local.ts'
import type { LocalMemory } from '#agent/limits/memory.ts'
import { stateOf } from './demand-args.ts'
import type { StoreLink } from './store-link.ts'

/** Keys whose admissions are remembered, to be charged: more are not. */
const CHARGES_MAX = 10_000
/** Keys of which this thread remembers that they began used up; then it begins again, which changes nothing for them. */
const BEGUN_MAX = 20_000

/** What was admitted of one key meanwhile. */
export interface Charge {
  readonly environmentId: string
  readonly demand: LimitDemand
  units: number
}

export interface AwayOptions {
  readonly memory: LocalMemory
  readonly link: StoreLink
  readonly clock: { now(): number; monotonic(): number }
}

export class Away {
  readonly #options: AwayOptions
  readonly #share: LocalLimits
  readonly #shares = new WeakMap<
    CompiledLimit,
    { readonly limit: CompiledLimit; readonly agents: number; readonly sinceMs: number }
  >()
  readonly #begun = new Set<string>()
  readonly #charges = new Map<string, Charge>()
  /** Places of shares that are held, by key. */
  readonly #held = new Map<string, { readonly demands: LimitDemand[] }>()
  #begunSinceMs = 0
  /** Set back while a share begins. */
  #backMs = 0

  constructor(options: AwayOptions) {
    this.#options = options
    const { clock, memory } = options
    this.#share = createLocalLimits({
      memory,
      clock: { now: () => clock.now() - this.#backMs, monotonic: () => clock.monotonic() - this.#backMs },
    })
  }

  /** @returns null: it cannot be counted, and must be. */
  take(environmentId: string, demand: LimitDemand): LimitState | null {
    const { limit } = demand
    switch (limit.shared?.onFailure ?? 'closed') {
      case 'closed':
        return null
      case 'open':
        this.#note(environmentId, demand, demand.cost)
        return stateOf(limit, false, limit.burst, 0, 0)
      case 'local_share':
        return this.#takeShare(environmentId, demand)
    }
  }

  /** Undoes a take. */
  giveBack(environmentId: string, demand: LimitDemand): void {
    this.#note(environmentId, demand, -demand.cost)
    if (demand.limit.shared?.onFailure !== 'local_share') return
    if (demand.limit.algorithm === 'concurrency') this.release(environmentId, demand)
    else this.#share.giveBack(environmentId, [this.#shareOf(demand)])
  }

  /** A place that was taken here is free again. @returns false: none was. */
  release(environmentId: string, demand: LimitDemand): boolean {
    const held = this.#held.get(keyOf(environmentId, demand))
    const taken = held?.demands.pop()
    if (held === undefined || taken === undefined) return false
    if (held.demands.length === 0) this.#held.delete(keyOf(environmentId, demand))
    this.#share.settle(environmentId, [taken], 0)
    return true
  }

  /** Bytes that have passed. */
  charge(environmentId: string, demand: LimitDemand, bytes: number): void {
    this.#note(environmentId, demand, bytes)
    if (demand.limit.shared?.onFailure === 'local_share')
      this.#share.settle(environmentId, [this.#shareOf(demand)], bytes)
  }

  /** What was admitted and is not charged yet, once. */
  takeCharges(aheadMs: number): readonly Charge[] {
    const charges = [...this.#charges.values()].filter(({ units }) => units > 0)
    for (const charge of charges) charge.units += this.#unitsIn(charge.demand, aheadMs)
    this.#charges.clear()
    return charges
  }

  /** What comes to a share in so many milliseconds. */
  #unitsIn(demand: LimitDemand, ms: number): number {
    if (demand.limit.shared?.onFailure !== 'local_share') return 0
    const { amount, windowMs } = this.#shareOf(demand).limit
    return Math.floor((amount * ms) / windowMs)
  }

  #takeShare(environmentId: string, demand: LimitDemand): LimitState | null {
    const shared = this.#shareOf(demand)
    this.#begin(environmentId, shared)
    const taken = this.#share.take(environmentId, [shared])
    if (taken.kind === 'unavailable') return null
    const [state] = taken.states
    if (state === undefined) return null
    if (!state.exceeded) {
      this.#note(environmentId, demand, demand.cost)
      if (demand.limit.algorithm === 'concurrency') {
        this.#held.getOrInsertComputed(keyOf(environmentId, demand), () => ({ demands: [] })).demands.push(shared)
      }
    }
    // Callers are told of the limit that they know, with what is left to them here.
    const { remaining, resetMs, retryAfterMs, exceeded } = state
    return stateOf(demand.limit, exceeded, remaining, resetMs, retryAfterMs)
  }

  /** A key that is met for the first time since the store went away has nothing, as of that moment. */
  #begin(environmentId: string, demand: LimitDemand): void {
    const sinceMs = this.#sinceMs
    if (this.#begunSinceMs !== sinceMs || this.#begun.size >= BEGUN_MAX) {
      this.#begun.clear()
      this.#begunSinceMs = sinceMs
    }
    const key = keyOf(environmentId, demand)
    if (this.#begun.has(key)) return
    this.#begun.add(key)
    const { limit } = demand
    // Places are held by requests, and not used up.
    const wholeMs = limit.algorithm === 'rate' ? (limit.windowMs / limit.amount) * limit.burst : limit.windowMs
    this.#backMs = this.#options.clock.monotonic() - sinceMs
    if (limit.algorithm !== 'concurrency' && this.#backMs < wholeMs) {
      this.#share.take(environmentId, [{ limit, key: demand.key, cost: limit.burst }])
    }
    this.#backMs = 0
  }

  get #sinceMs(): number {
    return this.#options.link.awaySinceMs
  }

  #shareOf(demand: LimitDemand): LimitDemand {
    const { agents } = this.#options.link
    let known = this.#shares.get(demand.limit)
    if (known === undefined || known.agents !== agents || known.sinceMs !== this.#sinceMs) {
      const share = localShare(demand.limit, agents)
      const id = `${share.id}@${Math.round(this.#sinceMs)}`
      const limit: CompiledLimit =
        share.algorithm === 'quota'
          ? { ...share, id, shadow: false, algorithm: 'rate', calendar: null, burst: evenBurst(share) }
          : { ...share, id, shadow: false }
      known = { limit, agents, sinceMs: this.#sinceMs }
      this.#shares.set(demand.limit, known)
    }
    return { limit: known.limit, key: demand.key, cost: demand.cost }
  }

  #note(environmentId: string, demand: LimitDemand, units: number): void {
    if (demand.limit.algorithm === 'concurrency') return
    const key = keyOf(environmentId, demand)
    const charge = this.#charges.get(key)
    if (charge !== undefined) charge.units += units
    else if (this.#charges.size < CHARGES_MAX) this.#charges.set(key, { environmentId, demand, units })
  }
}

const MINUTE_MS = 60_000

/** What of a quota's share may come at once: what comes evenly in a minute. */
function evenBurst({ amount, windowMs }: CompiledLimit): number {
  return Math.max(1, Math.floor((amount * MINUTE_MS) / windowMs))
}

const keyOf = (environmentId: string, { limit, key }: LimitDemand): string => `${environmentId} ${limit.id} ${key}`

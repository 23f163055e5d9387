/**
 * Limits that the store is asked about for each request: all of a request in one call.
 *
 * In a Redis Cluster there is one call for each slot, side by side; what was taken in one is given back when another
 * refuses. For that moment, others may find it a request lower than it is.
 *
 * @module
 */
import type { LimitDemand, LimitState } from '@headgate/core'
import { pushArgs, readMark, readState, redisKey, slotTag } from './demand-args.ts'
import type { Places } from './places.ts'
import type { StoreLink } from './store-link.ts'

/** In the order of the demands. Null: the store did not answer about it. */
export type Asked = readonly (LimitState | null)[]

export interface EachOptions {
  readonly link: StoreLink
  readonly places: Places
  readonly isCluster: boolean
  /** This thread, to the store. */
  readonly holder: string
  /** The wall clock, in milliseconds. */
  readonly now: () => number
}

interface Part {
  readonly tag: string
  readonly demands: LimitDemand[]
}

export class Each {
  readonly #options: EachOptions
  /** By what each is given back; by the demand, which is of one request. */
  readonly #marks = new WeakMap<LimitDemand, string>()

  constructor(options: EachOptions) {
    this.#options = options
  }

  /**
   * Takes from all or from none, but those that could not be asked.
   *
   * @param waitMs longest wait.
   */
  async take(environmentId: string, demands: readonly LimitDemand[], waitMs: number): Promise<Asked> {
    const parts = this.#partsOf(environmentId, demands)
    const answers = await Promise.all(parts.map(async (part) => await this.#takePart(environmentId, part, waitMs)))
    const states = new Map<LimitDemand, LimitState>()
    for (const answer of answers) for (const [demand, state] of answer ?? []) states.set(demand, state)
    const refuses = (part: Part): boolean =>
      part.demands.some((demand) => states.get(demand)?.exceeded === true && !demand.limit.shadow)
    if (parts.length > 1 && parts.some(refuses)) {
      const others = parts.filter((part) => !refuses(part)).flatMap((part) => part.demands)
      this.giveBack(
        environmentId,
        others.filter((demand) => states.get(demand)?.exceeded === false),
      )
    }
    return demands.map((demand) => states.get(demand) ?? null)
  }

  /** Undoes what was taken. */
  giveBack(environmentId: string, demands: readonly LimitDemand[]): void {
    const { link, holder, places, now } = this.#options
    for (const { tag, demands: together } of this.#partsOf(environmentId, demands)) {
      const args = link.head(holder)
      for (const demand of together) {
        pushArgs(args, demand.limit, demand.cost, this.#marks.get(demand) ?? '0', now())
        if (demand.limit.algorithm === 'concurrency') places.free(environmentId, demand)
      }
      if (link.isUsable) void link.call(link.scripts.giveBack, this.#keysOf(tag, environmentId, together), args)
    }
  }

  /** Takes what has passed. @returns whether the store knows. */
  async charge(environmentId: string, demand: LimitDemand, units: number): Promise<boolean> {
    const { link, holder, now } = this.#options
    if (link.state.isAway) return false
    const args = link.head(holder)
    pushArgs(args, demand.limit, units, null, now())
    const keys = this.#keysOf(slotTag(environmentId, demand), environmentId, [demand])
    return (await link.call(link.scripts.charge, keys, args)) !== null
  }

  async #takePart(
    environmentId: string,
    { tag, demands }: Part,
    waitMs: number,
  ): Promise<readonly (readonly [LimitDemand, LimitState])[] | null> {
    const { link, holder, places, now } = this.#options
    const args = link.head(holder)
    const nowMs = now()
    const held = demands.filter(({ limit }) => limit.algorithm === 'concurrency')
    for (const demand of demands) pushArgs(args, demand.limit, demand.cost, null, nowMs)
    for (const demand of held) places.ask(environmentId, demand)
    const answer = await link.call(link.scripts.take, this.#keysOf(tag, environmentId, demands), args, waitMs)
    const states = answer === null ? null : demands.map((demand, index) => readState(demand.limit, answer, index))
    const passes = states !== null && !states.some(({ exceeded, shadow }) => exceeded && !shadow)
    for (const demand of held) {
      const isTaken = passes && states[demands.indexOf(demand)]?.exceeded === false
      places.answer(environmentId, demand, isTaken)
    }
    if (answer === null || states === null) return null
    return demands.map((demand, index) => {
      this.#marks.set(demand, readMark(answer, index))
      // In bounds: one state for each.
      return [demand, states[index] as LimitState] as const
    })
  }

  #partsOf(environmentId: string, demands: readonly LimitDemand[]): readonly Part[] {
    const { isCluster } = this.#options
    const [first] = demands
    if (first === undefined) return []
    if (!isCluster || demands.length === 1) return [{ tag: slotTag(environmentId, first), demands: [...demands] }]
    const byTag = Map.groupBy(demands, (demand) => slotTag(environmentId, demand))
    return [...byTag].map(([tag, together]) => ({ tag, demands: together }))
  }

  /** @param tag of the first. */
  #keysOf(tag: string, environmentId: string, demands: readonly LimitDemand[]): readonly string[] {
    const { link } = this.#options
    const { group } = link
    return demands.map((demand, index) => redisKey(group, index === 0 ? tag : slotTag(environmentId, demand), demand))
  }
}

/**
 * The places of concurrency limits that this thread holds, in the store and in the agent's share.
 *
 * The store forgets what a thread holds ten seconds after its last word, so the thread says every two seconds how many it
 * holds of each key. What a call without an answer left there is put right by that too, and so is a store that has
 * forgotten.
 *
 * @module
 */
import type { LimitDemand } from '@headgate/core'
import { pushArgs, redisKey, slotTag } from './demand-args.ts'
import type { StoreLink } from './store-link.ts'

interface Held {
  readonly environmentId: string
  readonly demand: LimitDemand
  /** Taken in the store; in the share of the agent; asked for, and not answered. */
  stored: number
  shared: number
  asked: number
}

/** Keys of one call. */
const BATCH_KEYS = 100

export class Places {
  readonly #held = new Map<string, Held>()
  readonly #link: StoreLink
  readonly #holder: string
  readonly #now: () => number

  /** @param now the wall clock, in milliseconds. */
  constructor(link: StoreLink, holder: string, now: () => number) {
    this.#link = link
    this.#holder = holder
    this.#now = now
  }

  /** A place is asked for. */
  ask(environmentId: string, demand: LimitDemand): void {
    this.#of(environmentId, demand).asked += 1
  }

  /** What came of it. */
  answer(environmentId: string, demand: LimitDemand, isTaken: boolean): void {
    const held = this.#of(environmentId, demand)
    held.asked -= 1
    if (isTaken) held.stored += 1
  }

  /** One was taken from the share. */
  takeShare(environmentId: string, demand: LimitDemand): void {
    this.#of(environmentId, demand).shared += 1
  }

  /** One is free again. @returns where it was. */
  free(environmentId: string, demand: LimitDemand): 'stored' | 'shared' {
    const held = this.#of(environmentId, demand)
    if (held.shared > 0) {
      held.shared -= 1
      return 'shared'
    }
    held.stored = Math.max(0, held.stored - 1)
    return 'stored'
  }

  /** Says how many are held. Does not reject. */
  async tell(): Promise<void> {
    const all = [...this.#held]
    for (let from = 0; from < all.length && !this.#link.state.isAway; from += BATCH_KEYS) {
      await Promise.all(all.slice(from, from + BATCH_KEYS).map(async ([key, held]) => await this.#tellOf(key, held)))
    }
  }

  async #tellOf(key: string, held: Held): Promise<void> {
    const link = this.#link
    const count = held.stored + held.shared + held.asked
    const args = link.head(this.#holder)
    pushArgs(args, held.demand.limit, count, null, this.#now())
    const at = redisKey(link.group, slotTag(held.environmentId, held.demand), held.demand)
    const answer = await link.call(link.scripts.hold, [at], args)
    // Forgotten once the store has heard that nothing is held any more.
    const isNone = count === 0 && held.stored + held.shared + held.asked === 0
    if (answer !== null && isNone) this.#held.delete(key)
  }

  #of(environmentId: string, demand: LimitDemand): Held {
    return this.#held.getOrInsertComputed(`${environmentId} ${demand.limit.id} ${demand.key}`, () => ({
      environmentId,
      demand,
      stored: 0,
      shared: 0,
      asked: 0,
    }))
  }
}

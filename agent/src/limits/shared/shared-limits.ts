/**
 * Limits that all agents of a group count together: from leases where there are some, else by asking the store, and by
 * what each policy says while the store is away.
 *
 * Answers at once where all that is asked is there. A request waits for the deadline at most, whatever happens: what
 * has no answer by then is decided as if the store were away.
 *
 * @module
 */
import type { LimitDemand, LimitState, Taken } from '@headgate/core'
import type { SharedLimits } from '#agent/limits/port.ts'
import { Away } from './away.ts'
import { stateOf } from './demand-args.ts'
import { Each } from './each.ts'
import { LeaseTable } from './lease-table.ts'
import { Leases } from './leases.ts'
import type { SharedLimitMemory } from './memory.ts'
import { Places } from './places.ts'
import { BEAT_MS, type StoreLink } from './store-link.ts'

export interface SharedLimitsOptions {
  readonly memory: SharedLimitMemory
  readonly link: StoreLink
  readonly isCluster: boolean
  /** Another one for each thread that ever was. */
  readonly holder: string
  readonly clock: { now(): number; monotonic(): number }
}

export interface ThreadSharedLimits extends SharedLimits {
  /** Says a last time what is held, and goes. */
  close(): Promise<void>
}

/** Where what was taken has to be given back. */
type Place = 'lease' | 'store' | 'share' | 'nowhere'

interface Answer {
  readonly state: LimitState | null
  readonly place: Place
}

export function createSharedLimits(options: SharedLimitsOptions): ThreadSharedLimits {
  return new Composed(options)
}

class Composed implements ThreadSharedLimits {
  readonly #link: StoreLink
  readonly #clock: SharedLimitsOptions['clock']
  readonly #away: Away
  readonly #leases: Leases
  readonly #each: Each
  readonly #places: Places
  readonly #timer: NodeJS.Timeout
  /** Of requests that were admitted: where what was taken is. Absent: in a lease. */
  readonly #taken = new WeakMap<LimitDemand, Place>()

  constructor({ memory, link, isCluster, holder, clock }: SharedLimitsOptions) {
    this.#link = link
    this.#clock = clock
    this.#away = new Away({ memory: memory.share, link, clock })
    const now = (): number => clock.now()
    this.#places = new Places(link, holder, now)
    this.#leases = new Leases({ table: new LeaseTable(memory.leases), link, clock, holder })
    this.#each = new Each({ link, places: this.#places, isCluster, holder, now })
    link.onBack((aheadMs) => void this.#catchUp(aheadMs))
    this.#timer = setInterval(() => void this.#places.tell(), BEAT_MS)
    this.#timer.unref()
  }

  take(environmentId: string, demands: readonly LimitDemand[]): Taken | Promise<Taken> {
    const nowMs = this.#clock.monotonic()
    const states: LimitState[] = []
    for (const demand of demands) {
      const state = isLeased(demand) ? this.#leases.takeNow(environmentId, demand, nowMs) : null
      if (state === null) return this.#decide(environmentId, demands, states, nowMs)
      states.push(state)
      if (!state.exceeded) continue
      if (demand.limit.shadow) this.#taken.set(demand, 'nowhere')
      else {
        return this.#refuse(
          environmentId,
          demands,
          states.map((each) => ({ state: each, place: 'lease' })),
        )
      }
    }
    return { kind: 'taken', states }
  }

  giveBack(environmentId: string, demands: readonly LimitDemand[]): void {
    for (const demand of demands) this.#undo(environmentId, demand, this.#taken.get(demand) ?? 'lease')
  }

  settle(environmentId: string, demands: readonly LimitDemand[], bytes: number): void {
    for (const demand of demands) {
      if (demand.limit.algorithm === 'concurrency')
        this.#undo(environmentId, demand, this.#taken.get(demand) ?? 'store')
      else if (demand.limit.unit === 'bytes' && bytes > 0) this.#charge(environmentId, demand, bytes)
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#places.tell()
    this.#link.close()
  }

  /** @param states of the first demands, which were taken from leases. */
  #decide(
    environmentId: string,
    demands: readonly LimitDemand[],
    states: readonly LimitState[],
    nowMs: number,
  ): Taken | Promise<Taken> {
    const answers = states.map((state): Answer => ({ state, place: 'lease' }))
    if (this.#link.isUsable) return this.#ask(environmentId, demands, answers, nowMs)
    for (const demand of demands.slice(answers.length)) answers.push(this.#withoutStore(environmentId, demand, nowMs))
    return this.#conclude(environmentId, demands, answers)
  }

  /** Asks for what no lease has: side by side, so that it takes the time of one. */
  async #ask(
    environmentId: string,
    demands: readonly LimitDemand[],
    before: readonly Answer[],
    nowMs: number,
  ): Promise<Taken> {
    const answers: (Answer | null)[] = demands.map((_, index) => before[index] ?? null)
    const untilMs = nowMs + this.#link.deadlineMs
    const open = demands.slice(before.length)
    const leased = open.filter(isLeased)
    const put = (demand: LimitDemand, answer: Answer): void => void (answers[demands.indexOf(demand)] = answer)
    const byEach = async (asked: readonly LimitDemand[]): Promise<void> => {
      if (asked.length === 0) return
      const states = await this.#each.take(environmentId, asked, untilMs - this.#clock.monotonic())
      // A call that refuses has taken nothing, or given it back.
      const isTaken = !states.some((state) => state?.exceeded === true && !state.shadow)
      for (const [index, demand] of asked.entries()) {
        const state = states[index] ?? null
        if (state !== null) put(demand, { state, place: isTaken ? 'store' : 'nowhere' })
      }
    }
    const byLease = async (demand: LimitDemand): Promise<LimitDemand | null> => {
      const state = await this.#leases.takeSoon(environmentId, demand, untilMs)
      if (state === 'each') return demand
      if (state !== 'away') put(demand, { state, place: 'lease' })
      return null
    }
    const [rest] = await Promise.all([
      Promise.all(leased.map(byLease)),
      byEach(open.filter((demand) => !isLeased(demand))),
    ])
    const isRefused = demands.some(({ limit }, index) => answers[index]?.state?.exceeded === true && !limit.shadow)
    if (!isRefused) await byEach(rest.filter((demand) => demand !== null))
    const all = answers.map((answer, index) => {
      // In bounds: one answer for each demand.
      const demand = demands[index] as LimitDemand
      if (answer !== null) return answer
      return isRefused ? notAsked(demand) : this.#withoutStore(environmentId, demand, this.#clock.monotonic())
    })
    return this.#conclude(environmentId, demands, all)
  }

  /** What was taken ahead may still be used. */
  #withoutStore(environmentId: string, demand: LimitDemand, nowMs: number): Answer {
    const ahead = isLeased(demand) ? this.#leases.takeNow(environmentId, demand, nowMs) : null
    if (ahead !== null && !ahead.exceeded) return { state: ahead, place: 'lease' }
    // It is not away: it was only slower than this request could wait. No share is counted for that.
    if (this.#link.isUsable && demand.limit.shared?.onFailure === 'local_share') {
      return { state: stateOf(demand.limit, true, 0, 0, this.#link.deadlineMs), place: 'nowhere' }
    }
    const state = this.#away.take(environmentId, demand)
    if (state !== null) return { state, place: state.exceeded ? 'nowhere' : 'share' }
    // A shadow limit refuses nobody; that it could not be counted is told as a refusal.
    return { state: demand.limit.shadow ? stateOf(demand.limit, true, 0, 0, 0) : null, place: 'nowhere' }
  }

  #conclude(environmentId: string, demands: readonly LimitDemand[], answers: readonly Answer[]): Taken {
    const unavailable = answers.findIndex(({ state }) => state === null)
    const refuses = demands.some(({ limit }, index) => answers[index]?.state?.exceeded === true && !limit.shadow)
    if (unavailable !== -1 || refuses) return this.#refuse(environmentId, demands, answers)
    for (const [index, demand] of demands.entries()) {
      const { state, place } = answers[index] ?? NO_ANSWER
      const isTaken = state?.exceeded === false
      if (isTaken && place === 'lease') continue
      this.#taken.set(demand, isTaken ? place : 'nowhere')
      const isPlace = demand.limit.algorithm === 'concurrency'
      if (isTaken && isPlace && place === 'share') this.#places.takeShare(environmentId, demand)
    }
    return { kind: 'taken', states: statesOf(answers) }
  }

  /** Gives back what was taken. */
  #refuse(environmentId: string, demands: readonly LimitDemand[], answers: readonly Answer[]): Taken {
    for (const [index, demand] of demands.entries()) {
      const { state, place } = answers[index] ?? NO_ANSWER
      if (state?.exceeded === false) this.#undo(environmentId, demand, place)
    }
    const limit = answers.findIndex(({ state }) => state === null)
    if (limit !== -1) return { kind: 'unavailable', limit }
    const all = demands.map((demand, index) => answers[index] ?? notAsked(demand))
    const exceeded = all.findIndex(({ state }) => state !== null && state.exceeded && !state.shadow)
    return { kind: 'exceeded', states: statesOf(all), exceeded }
  }

  #undo(environmentId: string, demand: LimitDemand, place: Place): void {
    switch (place) {
      case 'lease':
        this.#leases.giveBack(environmentId, demand)
        break
      case 'store':
        this.#each.giveBack(environmentId, [demand])
        break
      case 'share':
        this.#away.giveBack(environmentId, demand)
        if (demand.limit.algorithm === 'concurrency') this.#places.free(environmentId, demand)
        break
      case 'nowhere':
        break
    }
  }

  #charge(environmentId: string, demand: LimitDemand, bytes: number): void {
    if (isLeased(demand) && this.#leases.charge(environmentId, demand, bytes)) return
    if (!this.#link.isUsable) {
      this.#away.charge(environmentId, demand, bytes)
      return
    }
    void this.#each.charge(environmentId, demand, bytes).then((known) => {
      if (!known) this.#away.charge(environmentId, demand, bytes)
    })
  }

  /** The store is back: says what is held, and charges what was admitted without it. */
  async #catchUp(aheadMs: number): Promise<void> {
    await this.#places.tell()
    for (const { environmentId, demand, units } of this.#away.takeCharges(aheadMs)) {
      await this.#each.charge(environmentId, demand, units)
    }
  }
}

const NO_ANSWER: Answer = { state: null, place: 'nowhere' }

/** Places are not taken ahead: a lease would hold them for nobody. */
function isLeased({ limit }: LimitDemand): boolean {
  return limit.shared?.mode === 'leased' && limit.algorithm !== 'concurrency'
}

/** Of a limit that was not asked because another one had refused already: as it is when nobody has used it. */
function notAsked({ limit }: LimitDemand): Answer {
  return { state: stateOf(limit, false, limit.burst, 0, 0), place: 'nowhere' }
}

function statesOf(answers: readonly Answer[]): LimitState[] {
  return answers.map(({ state }) => state).filter((state) => state !== null)
}

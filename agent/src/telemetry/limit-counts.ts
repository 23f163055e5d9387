/**
 * What became of requests at each limit: counts for each policy of a live environment.
 *
 * Names are of policies of live releases only, so nobody can make their number grow; limits of API keys count together,
 * under an empty name.
 *
 * @module
 */
import type { CompiledLimit, LimitDemand, Taken } from '@headgate/core'
import type { LiveEnvironment } from '#agent/live-table.ts'

/**
 * - `taken`: the request passed it.
 * - `refused`: it refused the request.
 * - `shadow_exceeded`: it would have refused the request, and refuses nobody.
 * - `unavailable`: it could not be checked, and the request was refused for that.
 */
export const limitOutcomes = ['taken', 'refused', 'shadow_exceeded', 'unavailable'] as const
export type LimitOutcomeName = (typeof limitOutcomes)[number]

/** Counts of one policy. */
export type LimitCount = { readonly environmentId: string; readonly policy: string } & Record<LimitOutcomeName, number>

/** What came since it was asked last: a name, and a number for each of `limitOutcomes`. */
export type LimitNews = readonly (readonly [name: string, numbers: readonly number[]])[]

export class LimitCounts {
  readonly #byName = new Map<string, LimitCount>()
  /** The last look-up of each limit that is live. */
  readonly #byLimit = new WeakMap<CompiledLimit, LimitCount>()
  readonly #told = new Map<string, readonly number[]>()

  get all(): Iterable<LimitCount> {
    return this.#byName.values()
  }

  /** Counts what `take` has answered to demands. */
  count(environmentId: string, demands: readonly LimitDemand[], taken: Taken): void {
    if (taken.kind === 'taken') {
      for (let index = 0; index < demands.length; index++) {
        const isOver = taken.states[index]?.exceeded === true
        this.#add(environmentId, demands[index], isOver ? 'shadow_exceeded' : 'taken')
      }
    } else if (taken.kind === 'exceeded') this.#add(environmentId, demands[taken.exceeded], 'refused')
    else this.#add(environmentId, demands[taken.limit ?? 0], 'unavailable')
  }

  /** Forgets the policies that no live release has. */
  retain(environments: readonly LiveEnvironment[]): void {
    const live = new Set<string>()
    for (const { id, release } of environments) {
      live.add(nameOf(id, ''))
      for (const { limits } of release.routes.values()) for (const { policy } of limits) live.add(nameOf(id, policy))
    }
    for (const name of this.#byName.keys()) if (!live.has(name)) this.#byName.delete(name)
    for (const name of this.#told.keys()) if (!live.has(name)) this.#told.delete(name)
  }

  /** What came since the last time. */
  news(): LimitNews {
    const news: [string, number[]][] = []
    for (const [name, count] of this.#byName) {
      const now = limitOutcomes.map((outcome) => count[outcome])
      const before = this.#told.get(name)
      const more = now.map((value, index) => value - (before?.[index] ?? 0))
      if (more.every((value) => value === 0)) continue
      this.#told.set(name, now)
      news.push([name, more])
    }
    return news
  }

  /** Adds what another thread has counted. */
  add(news: LimitNews): void {
    for (const [name, numbers] of news) {
      const [environmentId = '', policy = ''] = name.split(' ')
      const count = this.#of(environmentId, policy)
      for (const [index, outcome] of limitOutcomes.entries()) count[outcome] += numbers[index] ?? 0
    }
  }

  #add(environmentId: string, demand: LimitDemand | undefined, outcome: LimitOutcomeName): void {
    if (demand === undefined) return
    const { limit } = demand
    let count = this.#byLimit.get(limit)
    if (count === undefined || count.environmentId !== environmentId) {
      count = this.#of(environmentId, limit.of === 'policy' ? limit.policy : '')
      this.#byLimit.set(limit, count)
    }
    count[outcome] += 1
  }

  #of(environmentId: string, policy: string): LimitCount {
    const name = nameOf(environmentId, policy)
    let count = this.#byName.get(name)
    if (count === undefined) {
      count = { environmentId, policy, taken: 0, refused: 0, shadow_exceeded: 0, unavailable: 0 }
      this.#byName.set(name, count)
    }
    return count
  }
}

/** Names of the configuration hold no space. */
const nameOf = (environmentId: string, policy: string): string => `${environmentId} ${policy}`

/**
 * Refuses what there is no room for, the less important first: before a request is decided, when this thread has too
 * much to do, and before it is forwarded, when its service has.
 *
 * @module
 */
import {
  type CompiledRoute,
  type Decision,
  type Facts,
  matchRoute,
  type Priority,
  priorityRank,
  type PriorityRank,
  priorityRankMax,
  refuse,
} from '@headgate/core'
import type { LiveEnvironment } from '#agent/live-table.ts'
import type { ServiceConcurrency } from '#agent/upstream/overload/service-concurrency.ts'
import type { ThreadLoad } from './thread-load.ts'

/** Longest time after which a client is told to come back, in seconds; the shortest is 1. In between it is drawn. */
const RETRY_S_MAX = 4

export class Shedding {
  readonly #load: ThreadLoad
  readonly #random: () => number

  /** @param random a number from 0 up to 1. */
  constructor(load: ThreadLoad, random: () => number) {
    this.#load = load
    this.#random = random
  }

  /**
   * For a request of which nothing was looked at: who calls is not known, so it is refused only when nobody who may call
   * its route is important enough. What no route serves is refused anyway, for less.
   *
   * @returns null: it goes on.
   */
  before({ release }: LiveEnvironment, facts: Facts): Decision | null {
    const { refusedBelow } = this.#load
    if (refusedBelow === 0) return null
    const match = matchRoute(release.index, facts.host, facts.path, facts.method)
    if (match.kind !== 'route' || priorityRankMax(release, match.route) >= refusedBelow) return null
    const refused = this.#overloaded(match.route, priorityRank(release, match.route, NONE), null)
    // Nothing was decided that it could be told in the style of.
    return { ...refused, limitFields: release.settings.rateLimitFields }
  }

  /**
   * For a request that was allowed.
   *
   * @returns null: it goes on.
   */
  after({ release }: LiveEnvironment, decision: Decision, concurrency: ServiceConcurrency): Decision | null {
    const { refusedBelow } = this.#load
    // Nearly always.
    if (refusedBelow === 0 && !concurrency.isCrowded) return null
    const route = release.routes.get(decision.route ?? '')
    if (route === undefined) return null
    const rank = priorityRank(release, route, decision.principal?.roles ?? NONE)
    if (rank < refusedBelow) return this.#overloaded(route, rank, decision)
    if (concurrency.admits(rank)) return null
    return { ...refuse('load_shed', decision, this.#retryAfterMs()), had: HAD[rank] }
  }

  #overloaded(route: CompiledRoute, rank: PriorityRank, decision: Decision | null): Decision {
    this.#load.shed += 1
    const refused = refuse('agent_overloaded', decision, this.#retryAfterMs())
    return { ...refused, route: route.name, service: route.service.name, had: HAD[rank] }
  }

  /** Those who are refused together do not come back together. */
  #retryAfterMs(): number {
    return 1_000 * (1 + Math.trunc(this.#random() * RETRY_S_MAX))
  }
}

const NONE: readonly never[] = []

/** What operators read of the request. */
const HAD = [['low'], ['normal'], ['high'], ['critical']] as const satisfies Record<PriorityRank, readonly Priority[]>

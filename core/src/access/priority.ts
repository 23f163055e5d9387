/**
 * How important a request is when there is not room for all of them.
 *
 * Not part of the decision: it is asked for when something is crowded, so that the usual request does not pay for it.
 *
 * @module
 */
import { priorities } from '#core/kinds/role.ts'
import type { CompiledRelease, CompiledRoute } from '#core/release.ts'

/** A number that is higher for what is more important: 0 for `low`, 3 for `critical`. */
export type PriorityRank = 0 | 1 | 2 | 3

/** Ranks of what a route's exposure says. Who calls from inside is what everything else is built on. */
const RANK_BY_EXPOSURE = { public: 1, internal: 2 } as const satisfies Record<CompiledRoute['exposure'], PriorityRank>

const RANK_MAX: PriorityRank = 3

/** @param roles of the proven caller; empty: none is proven, or has none. */
export function priorityRank(release: CompiledRelease, route: CompiledRoute, roles: readonly string[]): PriorityRank {
  const { rolePriorities } = release
  if (rolePriorities.size === 0) return RANK_BY_EXPOSURE[route.exposure]
  // A plan counts in place of the exposure, so one can put its holders behind everybody as well.
  let rank = -1
  for (const role of roles) {
    const priority = rolePriorities.get(role)
    if (priority !== undefined) rank = Math.max(rank, priorities.indexOf(priority))
  }
  return rank === -1 ? RANK_BY_EXPOSURE[route.exposure] : (rank as PriorityRank)
}

/** What a request of a route may come to at most, as long as nobody is proven. */
export function priorityRankMax({ rolePriorities }: CompiledRelease, route: CompiledRoute): PriorityRank {
  const byExposure = RANK_BY_EXPOSURE[route.exposure]
  if (rolePriorities.size === 0 || route.access === null || route.access.public !== null) return byExposure
  return RANK_MAX
}

/**
 * What a request asks from the limits of its route: which limit, and what is counted apart.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import type { Facts, LimitDemand, Principal } from '#core/decision.ts'
import type { CompiledRoute } from '#core/release.ts'

const NONE: readonly CompiledLimit[] = []
const NOTHING: readonly LimitDemand[] = []

/**
 * Limits of the route, then those of the credential itself.
 *
 * @param principal null on a public route; then the address stands for consumer and credential.
 */
export function limitDemands(route: CompiledRoute, facts: Facts, principal: Principal | null): readonly LimitDemand[] {
  const [only] = route.limits
  const own = principal?.limits ?? NONE
  // The usual route has one limit; a list that grows has room for many.
  if (only !== undefined && route.limits.length === 1 && own.length === 0) {
    return [{ limit: only, key: demandText(only, route, facts, principal), cost: 1 }]
  }
  if (route.limits.length === 0 && own.length === 0) return NOTHING
  const demands: LimitDemand[] = []
  for (const limit of route.limits) demands.push({ limit, key: demandText(limit, route, facts, principal), cost: 1 })
  for (const limit of own) demands.push({ limit, key: demandText(limit, route, facts, principal), cost: 1 })
  return demands
}

/**
 * Each part is led by what it is and how long it is, so that no two combinations read the same: neither a consumer
 * that is named like an address, nor `ab` + `c` and `a` + `bc`.
 */
function demandText(limit: CompiledLimit, route: CompiledRoute, facts: Facts, principal: Principal | null): string {
  let text = ''
  for (const part of limit.key) {
    if (part === 'service') text += counted('s', route.service.name)
    else if (part === 'route') text += counted('r', route.name)
    else if (part === 'address' || principal === null) text += counted('a', facts.address)
    // Callers that are no consumers here have no id, and are not one caller.
    else if (part === 'consumer' && principal.consumerId !== '') text += counted('c', principal.consumerId)
    else text += counted('k', principal.credentialId)
  }
  return text
}

const counted = (letter: string, value: string): string => `${letter}${value.length}:${value};`

/**
 * What a request asks from the limits of its route: which limit, what is counted apart, and what it costs.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import type { Facts, LimitDemand, Principal } from '#core/decision.ts'
import type { CompiledRoute } from '#core/release.ts'
import { claimAt } from '#core/tokens/claims.ts'
import { addressText } from './address-text.ts'

const NONE: readonly CompiledLimit[] = []
const NOTHING: readonly LimitDemand[] = []

/**
 * Limits of the route, then those of the credential itself. Those for which the request is free ask nothing.
 *
 * @param principal null on a public route; then the address stands for consumer and credential.
 */
export function limitDemands(route: CompiledRoute, facts: Facts, principal: Principal | null): readonly LimitDemand[] {
  const [only] = route.limits
  const own = principal?.limits ?? NONE
  // The usual route has one limit; a list that grows has room for many.
  if (only !== undefined && route.limits.length === 1 && own.length === 0) {
    const cost = costOf(only, route, facts)
    if (cost === FREE) return NOTHING
    return [{ limit: only, key: demandText(only, route, facts, principal), cost }]
  }
  if (route.limits.length === 0 && own.length === 0) return NOTHING
  const demands: LimitDemand[] = []
  for (const limit of route.limits) ask(demands, limit, route, facts, principal)
  for (const limit of own) ask(demands, limit, route, facts, principal)
  return demands
}

function ask(
  demands: LimitDemand[],
  limit: CompiledLimit,
  route: CompiledRoute,
  facts: Facts,
  principal: Principal | null,
): void {
  const cost = costOf(limit, route, facts)
  if (cost !== FREE) demands.push({ limit, key: demandText(limit, route, facts, principal), cost })
}

/** Not 0, which is what bytes cost before they have passed. */
const FREE = -1

function costOf({ unit, costs }: CompiledLimit, route: CompiledRoute, { method }: Facts): number {
  if (unit === 'bytes') return 0
  // An index, not an iterator: most limits have none.
  for (let index = 0; index < costs.length; index++) {
    const one = costs[index]
    if (one === undefined) break
    const fits =
      (one.routes.length === 0 || one.routes.includes(route.name)) &&
      (one.methods.length === 0 || one.methods.includes(method))
    if (fits) return one.cost === 0 ? FREE : one.cost
  }
  return 1
}

/**
 * Each part is led by what it is and how long it is, so that no two combinations read the same: neither a consumer
 * that is named like an address, nor `ab` + `c` and `a` + `bc`.
 */
function demandText(limit: CompiledLimit, route: CompiledRoute, facts: Facts, principal: Principal | null): string {
  let text = ''
  for (const part of limit.key) text += partText(part, limit, route, facts, principal)
  return text
}

function partText(
  part: string,
  limit: CompiledLimit,
  route: CompiledRoute,
  facts: Facts,
  principal: Principal | null,
): string {
  if (part === 'service') return counted('s', route.service.name)
  if (part === 'route') return counted('r', route.name)
  // Limits are of one tenant each: all of it is one.
  if (part === 'tenant') return 't;'
  if (part === 'address') return counted('a', addressText(facts.address, limit.ipv4Prefix, limit.ipv6Prefix))
  if (part.startsWith('header:')) return headerText(facts.header(part.slice('header:'.length)))
  if (part.startsWith('claim:')) {
    const claim = principal === null ? null : claimText(part.slice('claim:'.length), principal)
    if (claim !== null) return claim
  }
  if (principal === null) return counted('a', addressText(facts.address, limit.ipv4Prefix, limit.ipv6Prefix))
  // Callers that are no consumers here have no id, and are not one caller. Nor are those that lack a claim.
  if (part === 'consumer' && principal.consumerId !== '') return counted('c', principal.consumerId)
  return counted('k', principal.credentialId)
}

/** All that come without the field are counted together: leaving it out gains nothing. */
function headerText(values: readonly string[]): string {
  const [value] = values
  if (value === undefined) return 'h;'
  if (values.length === 1) return counted('h', value)
  return `n${values.length};${values.map((one) => counted('h', one)).join('')}`
}

/** @returns null: the caller has no such claim. */
function claimText(name: string, { claims }: Principal): string | null {
  if (claims === null) return null
  // A name may have dots of its own, such as that of a URL.
  const value = Object.hasOwn(claims, name) ? claims[name] : claimAt(claims, name.split('.'))
  if (value === undefined || value === null) return null
  return typeof value === 'string' ? counted('m', value) : counted('j', JSON.stringify(value))
}

const counted = (letter: string, value: string): string => `${letter}${value.length}:${value};`

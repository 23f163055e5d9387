/**
 * Limits as they are counted, and what is wrong with how they are put.
 *
 * @module
 */
import type { CompiledLimit, ReleaseInput } from '#core/compile.ts'
import type { CompiledRoute } from '#core/release.ts'
import type { FindingList, Subject } from './findings.ts'
import type { ReadObjects } from './read-objects.ts'
import type { RouteEntry } from './route-table.ts'
import type { Specs } from './spec.ts'

export type LimitSpec = Extract<Specs['policy'], { type: 'limit' }>

export function compileLimit(input: ReleaseInput, name: string, origin: string, spec: LimitSpec): CompiledLimit {
  const amount = spec.bytes ?? spec.requests ?? 0
  return {
    of: 'policy',
    policy: name,
    origin,
    // Names cannot hold a slash, so that no two limits of an agent share an id.
    id: `${input.tenant}/${input.environment}/${name}`,
    algorithm: spec.algorithm,
    unit: spec.bytes === undefined ? 'requests' : 'bytes',
    amount,
    windowMs: windowMsOf(spec),
    burst: spec.burst ?? amount,
    calendar: spec.period === undefined ? null : { period: spec.period, zone: spec.zone ?? 'UTC' },
    key: [...new Set(spec.key)],
    ipv4Prefix: spec.ipv4_prefix ?? 32,
    ipv6Prefix: spec.ipv6_prefix ?? 64,
    costs: (spec.costs ?? []).map(({ routes = [], methods = [], cost }) => ({ routes, methods, cost })),
    shared: spec.shared === undefined ? null : { mode: spec.shared.mode, onFailure: spec.shared.on_failure },
    shadow: spec.shadow,
  }
}

const DAY_MS = 86_400_000

/** A day has up to 25 hours, and a month up to 31 days and one. */
function windowMsOf({ window_ms: windowMs, period }: LimitSpec): number {
  if (windowMs !== undefined) return windowMs
  if (period === undefined) return 0
  return (period === 'day' ? 1 : 31) * DAY_MS + DAY_MS / 24
}

/** Costs that nobody can pay, and costs of routes that are not there. */
export function reportCosts(
  spec: LimitSpec,
  { burst }: CompiledLimit,
  objects: ReadObjects,
  subject: Subject,
  findings: FindingList,
): void {
  for (const [index, { cost, routes = [] }] of (spec.costs ?? []).entries()) {
    if (cost > burst) {
      const message = `Requests that cost ${cost} never pass: no more than ${burst} may come at once`
      const fix = spec.algorithm === 'rate' ? `Raise burst to ${cost}, or lower the cost` : 'Lower the cost'
      findings.error(subject, { code: 'limit_cost_too_high', pointer: `/costs/${index}/cost`, message, fix })
    }
    for (const [at, route] of routes.entries()) {
      if (objects.declares('route', route)) continue
      const message = `There is no route ${route}`
      const fix = `Create the route ${route}, or name one that exists`
      findings.error(subject, { code: 'reference_unknown', pointer: `/costs/${index}/routes/${at}`, message, fix })
    }
  }
}

/**
 * Public routes without a limit, and those that admit more than internal routes of the same service do, counted by the
 * same. Closed routes need none.
 */
export function reportLooseRoutes(entries: readonly RouteEntry[], findings: FindingList): void {
  const inside = internalRates(entries)
  for (const { route, subject } of entries) {
    if (route.exposure !== 'public' || route.access === null) continue
    if (!route.limits.some(isEnforced)) {
      const message = `${route.name} is public, and no limit applies to it that refuses anybody`
      const fix = 'Put a limit on it, on its service, or on the environment with exposure: public'
      findings.warn(subject, { code: 'limit_missing', message, fix })
      continue
    }
    for (const [key, rate] of tightestRates(route)) {
      const internal = inside.get(`${route.service.name} ${key}`)
      if (internal === undefined || rate <= internal) continue
      const message = `${route.name} is public, and admits more by ${key} than internal routes of ${route.service.name} do`
      const fix = 'Give public routes a tighter limit, with exposure: public'
      findings.warn(subject, { code: 'limit_looser', message, fix })
    }
  }
}

/** The highest rate of internal routes, by service and key. */
function internalRates(entries: readonly RouteEntry[]): ReadonlyMap<string, number> {
  const rates = new Map<string, number>()
  for (const { route } of entries) {
    if (route.exposure !== 'internal') continue
    for (const [key, rate] of tightestRates(route)) {
      const id = `${route.service.name} ${key}`
      rates.set(id, Math.max(rate, rates.get(id) ?? 0))
    }
  }
  return rates
}

/** The lowest rate of a route in requests per millisecond, by key. */
function tightestRates({ limits }: CompiledRoute): ReadonlyMap<string, number> {
  const rates = new Map<string, number>()
  for (const limit of limits) {
    const isRate = limit.algorithm === 'rate' || limit.algorithm === 'sliding_window'
    if (!isRate || limit.unit === 'bytes' || !isEnforced(limit)) continue
    const key = limit.key.join(' and ')
    rates.set(key, Math.min(limit.amount / limit.windowMs, rates.get(key) ?? Infinity))
  }
  return rates
}

const isEnforced = ({ shadow }: CompiledLimit): boolean => !shadow

/**
 * The limits of an environment, as a release or the draft has them, with how exact they are just now.
 *
 * @module
 */
import type { Answered, Limit } from '@headgate/admin-api'
import {
  type CompiledLimit,
  type CompiledRelease,
  type ReleaseInput,
  checkSpec,
  compile,
  compileLimit,
  errorBound,
} from '@headgate/core'
import { type Content, loadContent } from '#control-plane/releases/content.ts'
import { refuseFindings } from '#control-plane/releases/publish.ts'
import { listServingAgents } from '#control-plane/releases/store.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { boundText } from './text.ts'

/** Routes that are named for each limit. */
const ROUTES_NAMED_MAX = 20

export const limitHandlers = {
  listLimits: async ({ services, environment }, { query }): Promise<Answered<'listLimits'>> => {
    const content = await loadContent(services.db, environment, query.release)
    const input: ReleaseInput = {
      tenant: environment.tenantName,
      environment: environment.environmentName,
      number: Math.max(1, content.number),
      objects: content.objects,
    }
    const compiled = compile(input)
    if (compiled.kind === 'refused') return refuseFindings(compiled.findings)
    const serving = await listServingAgents(services.db, environment)
    const byGroup = Map.groupBy(serving, ({ group }) => group)
    // Agents of a group count together; the largest group is the least exact.
    const agents = Math.max(0, ...byGroup.values().map((all) => all.filter(({ reachable }) => reachable).length))
    const routes = routesByLimit(compiled.release)
    const data = limitsOf(input, content).map((written) => limitView(written, routes, agents))
    return { release: content.label, groups: byGroup.size, data }
  },
} satisfies HandlersOf<'listLimits'>

interface WrittenLimit {
  readonly limit: CompiledLimit
  readonly on: string
  readonly exposure: Limit['exposure']
}

/** All that are written, by name; those that count on no route as well. */
function limitsOf(input: ReleaseInput, { objects }: Content): readonly WrittenLimit[] {
  return objects.flatMap(({ kind, name, spec, origin }) => {
    if (kind !== 'policy') return []
    const check = checkSpec('policy', spec)
    if (check.kind !== 'valid' || check.spec.type !== 'limit') return []
    const { on, exposure = null } = check.spec
    const limit = compileLimit(input, name, origin, check.spec)
    return [{ limit, on: Object.entries(on).map(placeText).join(), exposure }]
  })
}

const placeText = ([kind, name]: [string, string | true]): string => (name === true ? kind : `${kind}/${name}`)

/** Names of routes, sorted, by the name of the policy. */
function routesByLimit(release: CompiledRelease): ReadonlyMap<string, readonly string[]> {
  const routes = new Map<string, string[]>()
  for (const name of [...release.routes.keys()].toSorted()) {
    for (const { policy } of release.routes.get(name)?.limits ?? [])
      routes.getOrInsertComputed(policy, () => []).push(name)
  }
  return routes
}

function limitView(
  { limit, on, exposure }: WrittenLimit,
  routes: ReadonlyMap<string, readonly string[]>,
  agents: number,
): Limit {
  const { policy, origin, algorithm, unit, amount, windowMs, burst, calendar, key, costs, shared, shadow } = limit
  const names = routes.get(policy) ?? []
  const bound = errorBound(limit, Math.max(1, agents))
  return {
    policy,
    origin,
    on,
    exposure,
    algorithm,
    unit,
    amount,
    window_ms: algorithm === 'rate' || algorithm === 'sliding_window' ? windowMs : null,
    burst: algorithm === 'rate' ? burst : null,
    period: calendar?.period ?? null,
    zone: calendar?.zone ?? null,
    key: [...key],
    costs: costs.map((one) => ({ routes: [...one.routes], methods: [...one.methods], cost: one.cost })),
    shared: shared === null ? null : { mode: shared.mode, on_failure: shared.onFailure },
    shadow,
    routes: { count: names.length, names: names.slice(0, ROUTES_NAMED_MAX) },
    error_bound: {
      agents,
      over: bound.over,
      under: bound.under,
      while_away: bound.whileAway,
      text: boundText(limit, bound, agents),
    },
  }
}

/**
 * Third stage of `compile`: puts routes into the index and names those that collide.
 *
 * @module
 */
import type { CompiledRoute } from '#core/release.ts'
import { allTrees, hostTrees, reachTree, type HostTrees } from '#core/match/hosts.ts'
import { looseIndex } from '#core/match/loose.ts'
import { type Endpoint, type RouteIndex, routeOf } from '#core/match/match.ts'
import { parsePattern, reachNode, visitsMax } from '#core/match/paths.ts'
import type { FindingList, Subject } from './findings.ts'
import { shadowedRoutes } from './shadows.ts'

/**
 * Nodes that a look-up may visit, whatever the path. Real sets of routes need about twice their depth; only
 * literals and parameters that are mixed on every level need more, and then every request would pay.
 */
const VISITS_MAX = 1000

// One for all.
const NONE: readonly CompiledRoute[] = []

/** A route and what only `compile` knows of it. */
export interface RouteEntry {
  readonly route: CompiledRoute
  readonly hosts: readonly string[]
  readonly match: 'exact' | 'prefix'
  readonly subject: Subject
}

/** Builds the index; reports conflicts, shadowed routes and sets of patterns that are too costly to search. */
export function routeTable(entries: readonly RouteEntry[], findings: FindingList): RouteIndex {
  const strict = hostTrees<Endpoint>()
  const endpoints = new Set<Endpoint>()
  const reported = new Set<string>()
  for (const entry of entries) {
    const { segments, ending } = parsePattern(entry.route.path, entry.match)
    for (const host of entry.hosts.length === 0 ? ['*'] : new Set(entry.hosts)) {
      const node = reachNode(reachTree(strict, host), segments)
      const known = node[ending]
      const endpoint = known ?? (node[ending] = { first: entry.route, others: NONE, allow: [] })
      endpoints.add(endpoint)
      const other = known === null ? null : addRoute(known, entry.route)
      if (other !== null) reportConflict(entry, other, host, reported, findings)
    }
  }
  for (const endpoint of endpoints)
    endpoint.allow = [...new Set([endpoint.first, ...endpoint.others].flatMap(methodsOf))].toSorted()
  reportShadows(strict, entries, findings)
  const loose = looseIndex(entries)
  reportCost(strict, findings)
  if (loose !== null && findings.errors.length === 0) reportCost(loose.trees, findings)
  return { strict, loose }
}

/** @returns the route that takes one of the methods already; then the endpoint is as it was. */
function addRoute(endpoint: Endpoint, route: CompiledRoute): CompiledRoute | null {
  const { first } = endpoint
  if (route.methods.length === 0 || first.methods.length === 0) return first
  for (const method of methodsOf(route)) {
    const other = routeOf(endpoint, method)
    if (other !== null) return other
  }
  endpoint.others = [...endpoint.others, route]
  return null
}

/** With those that are included by another. */
function methodsOf({ methods }: CompiledRoute): readonly string[] {
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods
}

function reportConflict(
  { route, subject }: RouteEntry,
  other: CompiledRoute,
  host: string,
  reported: Set<string>,
  findings: FindingList,
): void {
  const pair = `${other.name}/${route.name}`
  if (reported.has(pair)) return
  reported.add(pair)
  const where = `${host === '*' ? 'every host' : host} and ${route.path}`
  const message = `${other.name} and ${route.name} serve the same method of ${where}`
  const fix = 'Change the host, path or methods of one of them. GET includes HEAD; no methods means all'
  findings.error(subject, { code: 'route_conflict', pointer: '/path', message, fix })
}

function reportShadows(trees: HostTrees<Endpoint>, entries: readonly RouteEntry[], findings: FindingList): void {
  const shadowed = shadowedRoutes(trees)
  for (const { route, hosts, subject } of entries) {
    const by = shadowed.get(route)
    // On one of its hosts it may still match.
    if (by === undefined || by.places < Math.max(1, new Set(hosts).size)) continue
    const message = `${route.name} never matches: ${by.names.join(', ')} take${by.names.length === 1 ? 's' : ''} every request`
    findings.warn(subject, {
      code: 'route_shadowed',
      pointer: '/path',
      message,
      fix: `Remove ${route.name} or change its path`,
    })
  }
}

function reportCost<T>(trees: HostTrees<T>, findings: FindingList): void {
  for (const [host, tree] of allTrees(trees)) {
    const visits = visitsMax(tree)
    if (visits <= VISITS_MAX) continue
    const message = `Paths of ${host} mix literals and parameters so that one look-up may visit ${visits} places`
    const fix = `Use a literal or a parameter at the same place, not both; at most ${VISITS_MAX} places are allowed`
    findings.error({ object: 'release', origin: '' }, { code: 'routes_too_costly', message, fix })
  }
}

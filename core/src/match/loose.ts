/**
 * Finds out whether a careless reader would see a request at a route that is guarded otherwise.
 *
 * Many frameworks ignore the case of a path, a slash at its end, and more (see careless.ts). With a closed route `/admin`
 * beside an open one for everything, `/Admin` or `/admin/` would pass here by the open route and be served there as
 * `/admin`. Such a request is refused; where both routes are guarded alike, nothing is lost and it passes.
 *
 * @module
 */
import type { CompiledRoute } from '#core/release.ts'
import { carelessReading } from './careless.ts'
import { findInTrees, hostTrees, reachTree, type HostTrees } from './hosts.ts'
import { parsePattern, reachNode, type Ending } from './paths.ts'

/** Routes whose patterns a careless reader cannot tell apart. */
export interface LooseEndpoint {
  readonly routes: Set<CompiledRoute>
  /** One of them for each way of being guarded. */
  readonly guards: CompiledRoute[]
}

/** All routes as a careless reader sees them. */
export interface LooseIndex {
  readonly trees: HostTrees<LooseEndpoint>
  /** No pattern has an upper-case letter or a slash at its end: a path without both reads the same either way. */
  readonly plain: boolean
}

/** What is known of a route while the trees are built. */
interface LooseEntry {
  readonly route: CompiledRoute
  readonly hosts: readonly string[]
  readonly match: 'exact' | 'prefix'
}

/** @returns null when all routes are guarded alike: then no reading of a path escapes anything. */
export function looseIndex(entries: readonly LooseEntry[]): LooseIndex | null {
  if (new Set(entries.map(({ route }) => route.guard)).size < 2) return null
  const trees = hostTrees<LooseEndpoint>()
  let plain = true
  for (const { route, hosts, match } of entries) {
    const { segments, ending } = parsePattern(route.path.toLowerCase(), match)
    plain &&= route.path === route.path.toLowerCase() && (route.path === '/' || !route.path.endsWith('/'))
    const place = segments.length === 0 ? ending : withoutSlash(ending)
    for (const host of hosts.length === 0 ? ['*'] : hosts) {
      const endpoint = (reachNode(reachTree(trees, host), segments)[place] ??= { routes: new Set(), guards: [] })
      endpoint.routes.add(route)
      if (!endpoint.guards.some(({ guard }) => guard === route.guard)) endpoint.guards.push(route)
    }
  }
  return { trees, plain }
}

/**
 * Whether the careless reading of a path leads to a route with a guard that `route` does not have. Where `route` is
 * itself among those, its pattern has the very spelling of the path: then somebody decided about that spelling.
 */
export function escapesGuard(index: LooseIndex, host: string, path: string, route: CompiledRoute): boolean {
  const loose = carelessReading(path)
  if (loose === null) return true
  if (index.plain && loose === path) return false
  const endpoint = findInTrees(index.trees, host, loose)
  if (endpoint === null || endpoint.routes.has(route)) return false
  return endpoint.guards.some((other) => other.guard !== route.guard && !covers(route, other))
}

/** Whether whoever passes `route` would have passed `other` too. */
function covers(route: CompiledRoute, other: CompiledRoute): boolean {
  const open = other.access !== null && (other.access.public !== null || other.access.policy === route.access?.policy)
  return open && other.limits.every((limit) => route.limits.includes(limit))
}

function withoutSlash(ending: Ending): Ending {
  return ending === 'slash' ? 'exact' : ending === 'slashPrefix' ? 'prefix' : ending
}

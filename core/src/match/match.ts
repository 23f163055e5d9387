/**
 * Finds the route of a request: host, then the most specific path, then method.
 *
 * The method never leads to a less specific path: where `/orders/{id}` is served for GET only, DELETE is refused
 * there, even if a wider pattern would take it. Closing one path cannot be undone by a route beside it.
 *
 * @module
 */
import type { CompiledRoute } from '#core/release.ts'
import { findInTrees, type HostTrees } from './hosts.ts'
import { escapesGuard, type LooseIndex } from './loose.ts'

/** The routes of one host and path pattern: at most one per method. */
export interface Endpoint {
  readonly first: CompiledRoute
  /** Nearly always none. */
  others: readonly CompiledRoute[]
  /** Methods that are served, sorted, for `Allow`. */
  allow: readonly string[]
}

/** All routes of a release. */
export interface RouteIndex {
  readonly strict: HostTrees<Endpoint>
  /** The same as a careless reader sees them; null when all routes are guarded alike. */
  readonly loose: LooseIndex | null
}

export type Match =
  | { readonly kind: 'route'; readonly route: CompiledRoute }
  | { readonly kind: 'method_not_allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'unknown' }
  /** A reader that ignores case or a slash at the end would be at a route that is guarded otherwise. */
  | { readonly kind: 'ambiguous' }

const UNKNOWN: Match = { kind: 'unknown' }
const AMBIGUOUS: Match = { kind: 'ambiguous' }

/** @param host, path, method as in `Facts`. */
export function matchRoute(index: RouteIndex, host: string, path: string, method: string): Match {
  const endpoint = findInTrees(index.strict, host, path)
  if (endpoint === null) return UNKNOWN
  const route = routeOf(endpoint, method)
  if (route === null) return { kind: 'method_not_allowed', allow: endpoint.allow }
  if (index.loose !== null && escapesGuard(index.loose, host, path, route)) return AMBIGUOUS
  return { kind: 'route', route }
}

/** The route of an endpoint that takes a method. */
export function routeOf({ first, others }: Endpoint, method: string): CompiledRoute | null {
  if (takesMethod(first, method)) return first
  for (const route of others) if (takesMethod(route, method)) return route
  return null
}

/** HEAD goes with GET (RFC 9110 section 9.3.2). */
function takesMethod({ methods }: CompiledRoute, method: string): boolean {
  if (methods.length === 0) return true
  for (const each of methods) if (each === method || (each === 'GET' && method === 'HEAD')) return true
  return false
}

/**
 * Finds the route of a request: host, then the most specific path, then method.
 *
 * The method never leads to a less specific path: where `/orders/{id}` is served for GET only, DELETE is refused
 * there, even if a wider pattern would take it. Closing one path cannot be undone by a route beside it.
 *
 * @module
 */
import type { CompiledRoute } from '#core/release.ts'
import { parentHost, type Endpoint, type HostIndex } from './hosts.ts'
import { findPath } from './paths.ts'

export type Match =
  | { readonly kind: 'route'; readonly route: CompiledRoute }
  | { readonly kind: 'method_not_allowed'; readonly allow: readonly string[] }
  | { readonly kind: 'unknown' }
  /** A reader that ignores case or a slash at the end would be at a route with another access. */
  | { readonly kind: 'ambiguous' }

const UNKNOWN: Match = { kind: 'unknown' }

/** @param host, path, method as in `Facts`. */
export function matchRoute(index: HostIndex, host: string, path: string, method: string): Match {
  const endpoint = findEndpoint(index, host, path)
  if (endpoint === null) return UNKNOWN
  const route = endpoint.byMethod.get(method) ?? endpoint.any
  return route === null ? { kind: 'method_not_allowed', allow: endpoint.allow } : { kind: 'route', route }
}

function findEndpoint(index: HostIndex, host: string, path: string): Endpoint | null {
  const exact = index.exact.get(host)
  const found = exact === undefined ? null : findPath(exact, path)
  if (found !== null) return found
  const wildcard = index.wildcard.size === 0 ? undefined : index.wildcard.get(parentHost(host))
  return (
    (wildcard === undefined ? null : findPath(wildcard, path)) ?? (index.any === null ? null : findPath(index.any, path))
  )
}

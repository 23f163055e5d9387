/**
 * An index of host patterns: the trees of paths that a host leads to, most specific first.
 *
 * An exact name comes before `*.name` (one label more), before routes that name no host. When the tree of a more
 * specific host has no pattern for a path, the next one is asked: a route without hosts serves every host.
 *
 * @module
 */
import type { CompiledRoute } from '#core/release.ts'
import type { PathNode } from './paths.ts'

/** The routes of one host and path pattern: at most one per method. */
export interface Endpoint {
  /** The route that takes all methods, if one does. */
  any: CompiledRoute | null
  /** By method; also for methods that are included by another, as HEAD is by GET. */
  readonly byMethod: Map<string, CompiledRoute>
  /** Methods that are served, sorted, for `Allow`. */
  allow: readonly string[]
}

/** Trees of paths, by host. */
export interface HostIndex {
  readonly exact: Map<string, PathNode<Endpoint>>
  /** By what follows `*.`. */
  readonly wildcard: Map<string, PathNode<Endpoint>>
  any: PathNode<Endpoint> | null
}

/** An index without routes. */
export function hostIndex(): HostIndex {
  return { exact: new Map(), wildcard: new Map(), any: null }
}

/** What follows the first label of a host; empty when there is one label. */
export function parentHost(host: string): string {
  const dot = host.indexOf('.')
  return dot === -1 ? '' : host.slice(dot + 1)
}

/**
 * Whether some route could serve a host.
 *
 * @param host as in `Facts`.
 */
export function indexHasHost(index: HostIndex, host: string): boolean {
  return index.any !== null || index.exact.has(host) || index.wildcard.has(parentHost(host))
}

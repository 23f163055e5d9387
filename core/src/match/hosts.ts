/**
 * An index of host patterns: the trees of paths that a host leads to, most specific first.
 *
 * An exact name comes before `*.name` (one label more), before routes that name no host. When the tree of a more
 * specific host has no pattern for a path, the next one is asked: a route without hosts serves every host.
 *
 * @module
 */
import { findPath, pathNode, type PathNode } from './paths.ts'

/** Trees of paths, by host. `T` is what is stored per host and path pattern. */
export interface HostTrees<T> {
  readonly exact: Map<string, PathNode<T>>
  /** By what follows `*.`. */
  readonly wildcard: Map<string, PathNode<T>>
  any: PathNode<T> | null
}

/** Trees without patterns. */
export function hostTrees<T>(): HostTrees<T> {
  return { exact: new Map(), wildcard: new Map(), any: null }
}

/**
 * The tree of one host pattern, made if it is missing.
 *
 * @param host `*` for every host.
 */
export function reachTree<T>(trees: HostTrees<T>, host: string): PathNode<T> {
  if (host === '*') return (trees.any ??= pathNode())
  const [map, key] = host.startsWith('*.') ? [trees.wildcard, host.slice(2)] : [trees.exact, host]
  let tree = map.get(key)
  if (tree === undefined) map.set(key, (tree = pathNode()))
  return tree
}

/** All trees with their host patterns. */
export function allTrees<T>(trees: HostTrees<T>): readonly (readonly [host: string, tree: PathNode<T>])[] {
  return [
    ...trees.exact,
    ...Array.from(trees.wildcard, ([host, tree]) => [`*.${host}`, tree] as const),
    ...(trees.any === null ? [] : [['*', trees.any] as const]),
  ]
}

/**
 * Finds what is stored for the most specific host, and there for the most specific path.
 *
 * @param host, path as in `Facts`.
 * @returns null when no pattern takes them.
 */
export function findInTrees<T>(trees: HostTrees<T>, host: string, path: string): T | null {
  const exact = trees.exact.size === 0 ? undefined : trees.exact.get(host)
  const found = exact === undefined ? null : findPath(exact, path)
  if (found !== null) return found
  const wildcard = trees.wildcard.size === 0 ? undefined : trees.wildcard.get(parentHost(host))
  const wild = wildcard === undefined ? null : findPath(wildcard, path)
  if (wild !== null) return wild
  return trees.any === null ? null : findPath(trees.any, path)
}

/** Whether some pattern could take a host. */
export function treesHaveHost(trees: HostTrees<unknown>, host: string): boolean {
  return trees.any !== null || trees.exact.has(host) || trees.wildcard.has(parentHost(host))
}

/** What follows the first label of a host; empty when there is one label. */
function parentHost(host: string): string {
  const dot = host.indexOf('.')
  return dot === -1 ? '' : host.slice(dot + 1)
}

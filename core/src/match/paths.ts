/**
 * An index of path patterns: finds the most specific one in time that the request cannot inflate.
 *
 * Specific means, compared segment by segment from the left: a literal before `{param}`, before a trailing `*`,
 * before a prefix (the longer one first). A path is compared byte for byte; `/orders` and `/orders/` differ.
 * A segment tree without regular expressions. Where a literal and a `{param}` both fit, both branches may have to be
 * looked at; every node is visited at most once, and `visitsMax` tells `compile` how many that can be.
 *
 * @module
 */

/** How a pattern ends, for the paths at and below the node that it leads to. */
export type Ending =
  /** The node itself: `/orders`. */
  | 'exact'
  /** The node with a slash behind it: `/orders/`. */
  | 'slash'
  /** One or more segments below the node: `/orders/*`. */
  | 'star'
  /** Everything from the slash behind the node on: `/orders/` with match `prefix`. */
  | 'slashPrefix'
  /** The node and everything below it: `/orders` with match `prefix`. */
  | 'prefix'

/** A node of the tree. `T` is what the owner of the index stores per pattern. */
export interface PathNode<T> {
  literals: Map<string, PathNode<T>> | null
  param: PathNode<T> | null
  exact: T | null
  slash: T | null
  star: T | null
  slashPrefix: T | null
  prefix: T | null
}

/** An empty tree, or a new branch. All fields are there from the start: one shape for the engine. */
export function pathNode<T>(): PathNode<T> {
  return { literals: null, param: null, exact: null, slash: null, star: null, slashPrefix: null, prefix: null }
}

/** A pattern taken apart. Segments are literals; null stands for one `{param}`. */
export interface ParsedPattern {
  readonly segments: readonly (string | null)[]
  readonly ending: Ending
}

/**
 * Takes a valid pattern apart. Names of parameters do not tell patterns apart.
 *
 * @param pattern what `pathPattern` of the kind `route` accepts.
 */
export function parsePattern(pattern: string, match: 'exact' | 'prefix'): ParsedPattern {
  const parts = pattern.slice(1).split('/')
  const last = parts.at(-1)
  // Below `/files/*` is everything that `/files/*` takes already: match `prefix` adds nothing to a star.
  const ending: Ending = last === '*' ? 'star' : last === '' ? (match === 'prefix' ? 'slashPrefix' : 'slash') : match
  if (last === '*' || last === '') parts.pop()
  return { segments: parts.map((part) => (part.startsWith('{') ? null : part)), ending }
}

/** The node that a pattern leads to, made if it is missing. */
export function reachNode<T>(root: PathNode<T>, segments: readonly (string | null)[]): PathNode<T> {
  let node = root
  for (const segment of segments) {
    if (segment === null) {
      node = node.param ??= pathNode()
      continue
    }
    const literals = (node.literals ??= new Map<string, PathNode<T>>())
    let next = literals.get(segment)
    if (next === undefined) literals.set(segment, (next = pathNode()))
    node = next
  }
  return node
}

/**
 * Finds what is stored for the most specific pattern that takes a path.
 *
 * @param path starts with `/`.
 * @returns null when no pattern takes it.
 */
export function findPath<T>(root: PathNode<T>, path: string): T | null {
  return findBelow(root, path, 1)
}

/** @param start index after the slash that follows the node's own segment. */
function findBelow<T>(node: PathNode<T>, path: string, start: number): T | null {
  if (start === path.length) return node.slash ?? node.slashPrefix ?? node.prefix
  const slash = path.indexOf('/', start)
  const end = slash === -1 ? path.length : slash
  // An empty segment is neither a parameter nor one of "one or more segments".
  if (end === start) return node.slashPrefix ?? node.prefix
  const literal = node.literals?.get(path.slice(start, end))
  return (
    (literal === undefined ? null : findAt(literal, path, end)) ??
    (node.param === null ? null : findAt(node.param, path, end)) ??
    node.star ??
    node.slashPrefix ??
    node.prefix
  )
}

/** @param end index after the node's own segment: the end of the path or a slash. */
function findAt<T>(node: PathNode<T>, path: string, end: number): T | null {
  return end === path.length ? (node.exact ?? node.prefix) : findBelow(node, path, end + 1)
}

/** How many nodes a look-up can visit at most, whatever the path is. */
export function visitsMax<T>(root: PathNode<T>): number {
  let deepest = 0
  for (const literal of root.literals?.values() ?? []) deepest = Math.max(deepest, visitsMax(literal))
  return 1 + deepest + (root.param === null ? 0 : visitsMax(root.param))
}

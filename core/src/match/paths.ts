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

const SLASH = 0x2f

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
  /** The segment that leads here; empty for a parameter and for the root. */
  readonly literal: string
  /** By the hash of their segment, so that a request's segment is compared where it is, and not copied. */
  literals: Map<number, PathNode<T>> | null
  /** The next node beside this one whose segment has the same hash. */
  twin: PathNode<T> | null
  param: PathNode<T> | null
  exact: T | null
  slash: T | null
  star: T | null
  slashPrefix: T | null
  prefix: T | null
}

/** An empty tree, or a new branch. All fields are there from the start: one shape for the engine. */
export function pathNode<T>(literal = ''): PathNode<T> {
  const ends = { exact: null, slash: null, star: null, slashPrefix: null, prefix: null }
  return { literal, literals: null, twin: null, param: null, ...ends }
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
    node = literalBelow(node, segment, 0, segment.length, hashOf(segment)) ?? addLiteral(node, segment)
  }
  return node
}

function addLiteral<T>(node: PathNode<T>, segment: string): PathNode<T> {
  const added = pathNode<T>(segment)
  const literals = (node.literals ??= new Map<number, PathNode<T>>())
  const hash = hashOf(segment)
  added.twin = literals.get(hash) ?? null
  literals.set(hash, added)
  return added
}

/** All nodes that literals lead to. */
export function literalNodes<T>({ literals }: PathNode<T>): readonly PathNode<T>[] {
  const nodes: PathNode<T>[] = []
  for (const first of literals?.values() ?? []) {
    for (let node: PathNode<T> | null = first; node !== null; node = node.twin) nodes.push(node)
  }
  return nodes
}

/** One step of the hash of a segment: a whole number of 32 bits. */
const hashStep = (hash: number, code: number): number => (Math.imul(hash, 31) + code) | 0

function hashOf(segment: string): number {
  let hash = 0
  for (let at = 0; at < segment.length; at++) hash = hashStep(hash, segment.charCodeAt(at))
  return hash
}

/** The node to which a segment of a path leads as a literal. */
function literalBelow<T>(
  { literals }: PathNode<T>,
  path: string,
  start: number,
  end: number,
  hash: number,
): PathNode<T> | null {
  if (literals === null) return null
  let node = literals.get(hash) ?? null
  while (node !== null && !(node.literal.length === end - start && path.startsWith(node.literal, start)))
    node = node.twin
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
  let end = start
  let hash = 0
  for (; end < path.length; end++) {
    const code = path.charCodeAt(end)
    if (code === SLASH) break
    hash = hashStep(hash, code)
  }
  // An empty segment is neither a parameter nor one of "one or more segments".
  if (end === start) return node.slashPrefix ?? node.prefix
  const literal = literalBelow(node, path, start, end, hash)
  return (
    (literal === null ? null : findAt(literal, path, end)) ??
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

/** How many nodes a look-up can visit at most, whatever the path is. A node whose segment is only compared counts. */
export function visitsMax<T>(root: PathNode<T>): number {
  let deepest = 0
  for (const first of root.literals?.values() ?? []) {
    let compared = 0
    for (let node: PathNode<T> | null = first; node !== null; node = node.twin) {
      deepest = Math.max(deepest, compared++ + visitsMax(node))
    }
  }
  return 1 + deepest + (root.param === null ? 0 : visitsMax(root.param))
}

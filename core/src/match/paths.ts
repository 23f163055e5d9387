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

/**
 * Nodes by the hash of their segment: so a request's segment is compared where it is, and not copied. Open addressing,
 * at most half full. Plain data, so that a release can be handed to another thread.
 */
export interface LiteralTable<T> {
  readonly hashes: Int32Array
  /** As many: a power of two. */
  readonly nodes: (PathNode<T> | null)[]
  count: number
}

/** A node of the tree. `T` is what the owner of the index stores per pattern. */
export interface PathNode<T> {
  /** The segment that leads here; empty for a parameter and for the root. */
  readonly literal: string
  literals: LiteralTable<T> | null
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
  return { literal, literals: null, param: null, ...ends }
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
  node.literals ??= literalTable(4)
  if (node.literals.count * 2 >= node.literals.nodes.length) {
    const larger = literalTable<T>(node.literals.nodes.length * 2)
    for (const known of literalNodes(node)) putLiteral(larger, known)
    node.literals = larger
  }
  putLiteral(node.literals, added)
  return added
}

function literalTable<T>(size: number): LiteralTable<T> {
  return { hashes: new Int32Array(size), nodes: Array.from({ length: size }, () => null), count: 0 }
}

function putLiteral<T>(table: LiteralTable<T>, node: PathNode<T>): void {
  const hash = hashOf(node.literal)
  let at = placeOf(hash, table.nodes.length)
  while (table.nodes[at] !== null) at = (at + 1) & (table.nodes.length - 1)
  table.hashes[at] = hash
  table.nodes[at] = node
  table.count += 1
}

/** All nodes that literals lead to. */
export function literalNodes<T>({ literals }: PathNode<T>): readonly PathNode<T>[] {
  return literals === null ? [] : literals.nodes.filter((node) => node !== null)
}

/** Where the search for a hash begins. */
const placeOf = (hash: number, size: number): number => (hash ^ (hash >>> 15)) & (size - 1)

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
  const { hashes, nodes } = literals
  for (let at = placeOf(hash, nodes.length); ; at = (at + 1) & (nodes.length - 1)) {
    const node = nodes[at] ?? null
    if (node === null) return null
    if (hashes[at] === hash && node.literal.length === end - start && path.startsWith(node.literal, start)) return node
  }
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
  for (const node of literalNodes(root)) deepest = Math.max(deepest, visitsMax(node))
  const compared = root.literals === null ? 0 : longestRun(root.literals.nodes) - 1
  return 1 + compared + deepest + (root.param === null ? 0 : visitsMax(root.param))
}

/** Most nodes in a row, round the end too: so many may be looked at to find one. */
function longestRun(nodes: readonly unknown[]): number {
  let [run, longest] = [0, 0]
  for (const node of [...nodes, ...nodes]) {
    run = node === null ? 0 : run + 1
    longest = Math.max(longest, run)
  }
  return longest
}

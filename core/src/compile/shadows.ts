/**
 * Finds routes that can never match because more specific patterns of the same host take every request.
 *
 * The paths at a node are three regions: the node itself, the node with a slash behind it, and everything below.
 * Only wide patterns (`*`, prefix) can be shadowed; a literal or parameter at the end is the most specific there is
 * for its path. Patterns take all methods: what is not served there is answered 405, not passed on.
 *
 * @module
 */
import { allTrees, type HostTrees } from '#core/match/hosts.ts'
import type { Endpoint } from '#core/match/match.ts'
import { literalNodes, type PathNode } from '#core/match/paths.ts'
import type { CompiledRoute } from '#core/release.ts'

/** Names of shadowing routes that are given. */
const NAMES_MAX = 3

/** At how many hosts a route is shadowed, and by which routes at the first of them. */
export interface Shadow {
  places: number
  readonly names: readonly string[]
}

type Node = PathNode<Endpoint>

/** All routes that are shadowed at one host at least. */
export function shadowedRoutes(trees: HostTrees<Endpoint>): ReadonlyMap<CompiledRoute, Shadow> {
  const found = new Map<CompiledRoute, Shadow>()
  for (const [, tree] of allTrees(trees)) visit(tree, found)
  return found
}

/** Patterns are at most 2,048 characters long, so that the recursion is bounded. */
function visit(node: Node, found: Map<CompiledRoute, Shadow>): void {
  const below = node.param === null ? null : takersOfAll(node.param)
  mark(node.star, [below], found)
  mark(node.slashPrefix, [one(node.slash), one(node.star) ?? below], found)
  mark(
    node.prefix,
    [one(node.exact), one(node.slash ?? node.slashPrefix), one(node.star ?? node.slashPrefix) ?? below],
    found,
  )
  if (node.param !== null) visit(node.param, found)
  for (const child of literalNodes(node)) visit(child, found)
}

/** Endpoints that together take a node, the slash behind it and everything below; null when something is left. */
function takersOfAll(node: Node): readonly Endpoint[] | null {
  const itself = one(node.exact ?? node.prefix)
  const slash = one(node.slash ?? node.slashPrefix ?? node.prefix)
  const wide = one(node.star ?? node.slashPrefix ?? node.prefix)
  if (itself === null || slash === null) return null
  const below = wide ?? (node.param === null ? null : takersOfAll(node.param))
  return below === null ? null : [...itself, ...slash, ...below]
}

const one = (endpoint: Endpoint | null): readonly Endpoint[] | null => (endpoint === null ? null : [endpoint])

function mark(
  endpoint: Endpoint | null,
  regions: readonly (readonly Endpoint[] | null)[],
  found: Map<CompiledRoute, Shadow>,
): void {
  if (endpoint === null || regions.some((takers) => takers === null)) return
  const names = new Set(
    regions.flatMap((takers) => takers ?? []).flatMap((taker) => routesOf(taker).map(({ name }) => name)),
  )
  for (const route of routesOf(endpoint)) {
    const shadow = found.get(route)
    if (shadow === undefined) found.set(route, { places: 1, names: [...names].slice(0, NAMES_MAX) })
    else shadow.places++
  }
}

const routesOf = ({ first, others }: Endpoint): readonly CompiledRoute[] => [first, ...others]

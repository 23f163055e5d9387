import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findPath, parsePattern, pathNode, reachNode, visitsMax, type PathNode } from './paths.ts'

interface Pattern {
  readonly path: string
  readonly match: 'exact' | 'prefix'
}

function treeOf(patterns: readonly Pattern[]): PathNode<string> {
  const root = pathNode<string>()
  for (const { path, match } of patterns) {
    const { segments, ending } = parsePattern(path, match)
    reachNode(root, segments)[ending] ??= `${path} ${match}`
  }
  return root
}

/** Whether one pattern takes a path: by a regular expression, so that it shares nothing with the tree. */
function takes({ path, match }: Pattern, asked: string): boolean {
  const source = path
    .replace(/[.]/g, '\\$&')
    .replace(/\{[a-z]+\}/g, '[^/]+')
    .replace(/\/\*$/, '/[^/].*')
  const tail = match === 'exact' || path.endsWith('*') ? '' : path.endsWith('/') ? '.*' : '(?:/.*)?'
  return new RegExp(`^${source}${tail}$`).test(asked)
}

/** Sorts the more specific pattern first when compared as text: one letter per segment, then the ending. */
function rank({ path, match }: Pattern): string {
  const { segments, ending } = parsePattern(path, match)
  const order = { exact: 'a', slash: 'a', star: 'c', slashPrefix: 'd', prefix: 'e' } as const
  return segments.map((segment) => (segment === null ? 'b' : 'a')).join('') + order[ending]
}

// Two of them have the same hash.
const segment = fc.constantFrom('a', 'b', 'a.b', 'Aa', 'BB', '{x}', '{y}')
const pattern: fc.Arbitrary<Pattern> = fc
  .record({
    segments: fc.array(segment, { maxLength: 4 }),
    end: fc.constantFrom('', '/', '/*'),
    match: fc.constantFrom('exact' as const, 'prefix' as const),
  })
  .map(({ segments, end, match }) => {
    const path = segments.map((part) => `/${part}`).join('') + end
    return { path: path === '' ? '/' : path, match }
  })
const asked = fc
  .record({
    segments: fc.array(fc.constantFrom('a', 'b', 'c', 'a.b', 'ab', 'Aa', 'BB'), { maxLength: 5 }),
    end: fc.constantFrom('', '/'),
  })
  .map(({ segments, end }) => segments.map((part) => `/${part}`).join('') + end || '/')

test('the tree finds what a naive comparison of all patterns finds', () => {
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 12 }), asked, (patterns, path) => {
      const naive = patterns
        .filter((candidate) => takes(candidate, path))
        .map(rank)
        .toSorted()
      const found = findPath(treeOf(patterns), path)
      if (found === null) return naive.length === 0
      const [foundPath = '', match] = found.split(' ')
      return rank({ path: foundPath, match: match as Pattern['match'] }) === naive[0]
    }),
    { numRuns: 3000 },
  )
})

test('names of parameters do not tell patterns apart', () => {
  assert.deepEqual(parsePattern('/a/{x}', 'exact'), parsePattern('/a/{other}', 'exact'))
})

test('a star takes no match prefix', () => {
  assert.deepEqual(parsePattern('/a/*', 'prefix'), parsePattern('/a/*', 'exact'))
})

test('a literal that leads nowhere gives way to a parameter', () => {
  const tree = treeOf([
    { path: '/a/b/d', match: 'exact' },
    { path: '/a/{x}/c', match: 'exact' },
  ])
  assert.equal(findPath(tree, '/a/b/c'), '/a/{x}/c exact')
})

test('an empty segment is no parameter and no segment below a star', () => {
  const tree = treeOf([
    { path: '/{x}/a', match: 'exact' },
    { path: '/b/*', match: 'exact' },
  ])
  assert.equal(findPath(tree, '//a'), null)
  assert.equal(findPath(tree, '/b//a'), null)
})

// Guards against patterns that are written to make every look-up expensive.
test('a look-up visits no more nodes than visitsMax says', () => {
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 12 }), asked, (patterns, path) => {
      const tree = treeOf(patterns)
      let visits = 0
      findPath(
        counting(tree, () => visits++),
        path,
      )
      return visits <= visitsMax(tree)
    }),
  )
})

// Guards against literals that are chosen so that every request is compared with all of them.
test('literals with the same hash are told apart, and each counts as a visit', () => {
  const all = ['AaAa', 'AaBB', 'BBAa', 'BBBB']
  const tree = treeOf(all.map((name) => ({ path: `/${name}/x`, match: 'exact' })))
  assert.equal(new Set(tree.literals?.hashes).size, 2, 'one hash, and 0 where there is none')
  for (const name of all) assert.equal(findPath(tree, `/${name}/x`), `/${name}/x exact`)
  assert.equal(findPath(tree, '/AaAA/x'), null)
  assert.equal(visitsMax(tree), 6)
})

test('visitsMax doubles with every level at which a literal and a parameter both go on', () => {
  const levels = (count: number): readonly Pattern[] =>
    Array.from({ length: 2 ** count }, (_, bits) => ({
      path: Array.from({ length: count }, (_level, level) => ((bits >> level) & 1 ? '/a' : '/{x}')).join(''),
      match: 'exact',
    }))
  assert.equal(visitsMax(treeOf(levels(3))), 15)
  assert.equal(visitsMax(treeOf(levels(5))), 63)
  assert.equal(visitsMax(treeOf([{ path: '/a/b/c', match: 'exact' }])), 4)
})

/** The same tree; calls back when a node's children are looked at or its end is read. */
function counting(node: PathNode<string>, visit: () => void): PathNode<string> {
  const other = (child: PathNode<string> | null): PathNode<string> | null =>
    child === null ? null : counting(child, visit)
  const literals = node.literals === null ? null : { ...node.literals, nodes: node.literals.nodes.map(other) }
  const copy = { ...node, literals, param: other(node.param) }
  let seen = false
  const count = (): void => {
    if (!seen) visit()
    seen = true
  }
  return new Proxy(copy, {
    get: (target, field) => {
      count()
      return Reflect.get(target, field) as unknown
    },
  })
}

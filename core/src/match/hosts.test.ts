import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allTrees, findInTrees, hostTrees, reachTree, treesHaveHost, type HostTrees } from './hosts.ts'
import { parsePattern, reachNode } from './paths.ts'

/** One pattern `host path` after the other; what is found is its text. */
function treesOf(...patterns: readonly string[]): HostTrees<string> {
  const trees = hostTrees<string>()
  for (const pattern of patterns) {
    const [host = '', path = ''] = pattern.split(' ')
    const { segments, ending } = parsePattern(path, 'exact')
    reachNode(reachTree(trees, host), segments)[ending] = pattern
  }
  return trees
}

const trees = treesOf('api.example.com /a', '*.example.com /a', '*.example.com /b', '* /a', '* /b', '* /c')

for (const [host, path, found] of [
  ['api.example.com', '/a', 'api.example.com /a'],
  ['api.example.com', '/b', '*.example.com /b'],
  ['api.example.com', '/c', '* /c'],
  ['www.example.com', '/a', '*.example.com /a'],
  ['a.www.example.com', '/a', '* /a'],
  ['example.com', '/a', '* /a'],
  ['localhost', '/b', '* /b'],
  ['[::1]', '/c', '* /c'],
  ['api.example.com', '/d', null],
] as const) {
  test(`${host}${path} leads to ${found ?? 'nothing'}`, () => {
    assert.equal(findInTrees(trees, host, path), found)
  })
}

test('a host is served when a pattern takes it, whatever the path', () => {
  const some = treesOf('api.example.com /a', '*.example.org /a')
  assert.ok(treesHaveHost(some, 'api.example.com'))
  assert.ok(treesHaveHost(some, 'x.example.org'))
  for (const host of ['example.org', 'a.b.example.org', 'www.example.com', 'com', ''])
    assert.ok(!treesHaveHost(some, host), host)
  assert.ok(treesHaveHost(treesOf('* /a'), 'whatever'))
})

test('a host named like a field of an object is a host like others', () => {
  for (const host of ['__proto__', 'constructor', 'tostring']) {
    assert.ok(!treesHaveHost(treesOf('api.example.com /a'), host))
    assert.equal(findInTrees(treesOf(`${host} /a`), host, '/a'), `${host} /a`)
  }
})

test('all trees are listed with the host patterns as they were written', () => {
  assert.deepEqual(
    allTrees(trees).map(([host]) => host),
    ['api.example.com', '*.example.com', '*'],
  )
})

import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type ContentObject, diffObjects } from './diff.ts'

const object = (name: string, spec: Record<string, unknown>, kind = 'service', origin = ''): ContentObject => ({
  kind,
  name,
  spec,
  origin,
})

test('equal sets have no changes, whatever the order of objects and fields and wherever they were written', () => {
  const before = [object('a', { x: 1, y: { p: 1, q: [1, 2] } }), object('b', {})]
  const after = [object('b', {}), object('a', { y: { q: [1, 2], p: 1 }, x: 1 }, 'service', 'headgate.yaml:3')]
  assert.deepEqual(diffObjects(before, after), [])
})

test('a changed object names each place that differs, as JSON Pointers', () => {
  const before = object('a', { kept: 1, gone: 1, list: [1, 2, 3], deep: { 'a/b': 1, 'c~d': { e: 1 } }, type: 1 })
  const after = object('a', { kept: 1, new: 1, list: [1, 9], deep: { 'a/b': 2, 'c~d': { e: 2 } }, type: '1' })
  const [change] = diffObjects([before], [after])
  assert.deepEqual(change?.pointers, ['/deep/a~1b', '/deep/c~0d/e', '/gone', '/list/1', '/list/2', '/new', '/type'])
})

test('changes are in the order of kinds, then of names', () => {
  const before = [object('z', {}, 'certificate'), object('b', {}, 'route')]
  const after = [object('a', {}, 'policy'), object('b', { x: 1 }, 'route'), object('c', {}), object('B', {})]
  assert.deepEqual(
    diffObjects(before, after).map(({ change, kind, name }) => `${change} ${kind}/${name}`),
    ['added service/B', 'added service/c', 'changed route/b', 'added policy/a', 'removed certificate/z'],
  )
})

const specs = fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'toString', ''), fc.jsonValue({ maxDepth: 3 }), {
  noNullPrototype: true,
})
const sets = fc
  .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', 'c'), specs), { selector: ([name]) => name, maxLength: 3 })
  .map((entries) => entries.map(([name, spec]) => object(name, spec as Record<string, unknown>)))

test('a diff turns what was into what is', () => {
  fc.assert(
    fc.property(sets, sets, (before, after) => {
      const result = new Map(before.map(({ name, spec }) => [name, spec]))
      for (const { change, name, after: spec } of diffObjects(before, after)) {
        if (change === 'removed') result.delete(name)
        else result.set(name, spec ?? {})
      }
      assert.deepEqual(result, new Map(after.map(({ name, spec }) => [name, spec])))
    }),
  )
})

test('a changed object always names at least one place', () => {
  fc.assert(
    fc.property(sets, sets, (before, after) => {
      for (const { change, pointers } of diffObjects(before, after))
        assert.equal(pointers.length > 0, change === 'changed')
    }),
  )
})

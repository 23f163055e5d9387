import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, DEPTH_MAX } from './canonical-json.ts'

// `JSON.parse` of Node 26.10 (V8 14.6) may read a name that is one escaped character, such as "\\n", as a back-slash once an
// object of the same shape was read that had one. No schema of ours has such a name; here they would be false alarms.
const ESCAPED_NAME = /"\\(?:.|u[0-9a-f]{4})":/
const json = (constraints: fc.JsonSharedConstraints = {}): fc.Arbitrary<fc.JsonValue> =>
  fc.jsonValue(constraints).filter((value) => !ESCAPED_NAME.test(JSON.stringify(value)))

test('fields are sorted by code units, at every level, and nothing else is changed', () => {
  assert.equal(
    canonicalJson({ b: [2, 1, { d: null, c: true }], a: 'x', B: 1.5, '\u{1f600}': 0, '\ufb33': 0, 10: 0, 9: 0 }),
    '{"10":0,"9":0,"B":1.5,"a":"x","b":[2,1,{"c":true,"d":null}],"\u{1f600}":0,"\ufb33":0}',
  )
})

test('a value read back is the same value', () => {
  fc.assert(
    fc.property(json(), (value) =>
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value))),
    ),
  )
})

test('the order of fields does not matter', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const turned = Object.fromEntries(Object.entries(value).toReversed())
      assert.equal(canonicalJson(turned), canonicalJson(value))
    }),
  )
})

test('two texts are equal only when the values are', () => {
  fc.assert(
    fc.property(json({ maxDepth: 2 }), json({ maxDepth: 2 }), (a, b) => {
      const equal = canonicalJson(a) === canonicalJson(b)
      // Minus zero is written as zero, in JSON as here.
      const [left, right] = [JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))] as unknown[]
      if (equal) assert.deepEqual(left, right)
      else assert.notDeepEqual(left, right)
    }),
  )
})

test('a field named __proto__ is a field', () => {
  const value: unknown = JSON.parse('{"__proto__":{"b":1,"a":2},"a":1}')
  assert.equal(canonicalJson(value), '{"__proto__":{"a":2,"b":1},"a":1}')
})

test('fields that are undefined are left out', () => {
  assert.equal(canonicalJson({ a: undefined, b: 1 }), '{"b":1}')
})

for (const [name, value] of [
  ['undefined', undefined],
  ['a function', () => 1],
  ['a bigint', 1n],
  ['NaN', NaN],
  ['infinity', [Infinity]],
  // oxlint-disable-next-line no-sparse-arrays
  ['a hole', [1, , 2]],
] as const) {
  test(`${name} is no JSON value`, () => assert.throws(() => canonicalJson(value), TypeError))
}

test('what is nested too deep, or into itself, is refused before the stack ends', () => {
  const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth))
  assert.equal(canonicalJson(nested(DEPTH_MAX)), JSON.stringify(nested(DEPTH_MAX)))
  assert.throws(() => canonicalJson(nested(100_000)), TypeError)
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  assert.throws(() => canonicalJson(circle), TypeError)
})

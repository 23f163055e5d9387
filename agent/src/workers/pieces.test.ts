import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Assembly, takeApart } from './pieces.ts'

function throughPieces(data: unknown): unknown {
  const assembly = new Assembly()
  for (const piece of takeApart(data)) assembly.add(structuredClone(piece))
  return assembly.data
}

test('plain data comes out of pieces as it went in', () => {
  const value = fc.anything({
    withMap: true,
    withSet: true,
    withDate: true,
    withTypedArray: true,
    withNullPrototype: false,
  })
  fc.assert(
    fc.property(fc.array(value), (data) => assert.deepEqual(throughPieces(data), structuredClone(data))),
    { numRuns: 500 },
  )
})

test('what is shared is shared again, over many pieces', () => {
  const service = { name: 'orders', targets: [{ url: 'http://127.0.0.1:9' }] }
  const routes = new Map(Array.from({ length: 5_000 }, (_, index) => [`r${index}`, { service, index }]))
  const data = { routes, first: routes.get('r0'), set: new Set([service]) }
  assert.ok(takeApart(data).length > 5)
  const out = throughPieces(data) as typeof data
  assert.deepEqual(out, data)
  const [first, last] = [out.routes.get('r0'), out.routes.get('r4999')]
  assert.equal(first?.service, last?.service)
  assert.equal(out.first, first)
  assert.ok(first !== undefined && out.set.has(first.service))
})

test('data that contains itself is refused, and not followed for ever', () => {
  const data: { self?: unknown } = {}
  data.self = data
  assert.throws(() => takeApart(data), RangeError)
})

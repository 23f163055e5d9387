/**
 * @module
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile } from '@headgate/core'
import { PLACE, releaseObjects, routePrefix } from './release.ts'
import { ROWS } from './rows.ts'
import { createKeys } from './stack/keys.ts'

test('the release of a measurement compiles without a warning, but that some of its routes have no limit', () => {
  const result = compile({
    ...PLACE,
    number: 1,
    objects: releaseObjects(100, 'http://127.0.0.1:9000', 'http://127.0.0.1:9001'),
  })
  assert.equal(result.kind, 'compiled', JSON.stringify(result))
  const warnings = result.kind === 'compiled' ? result.warnings : []
  assert.deepEqual(
    warnings.map(({ code, object }) => `${code} ${object}`),
    ['open', 'large', 'slow'].map((name) => `limit_missing route/${name}`),
  )
})

for (const [keys, routes] of [
  [100_000, 1_000],
  [50, 7],
] as const) {
  test(`every request of the policy row has a key and a route of its own prefix, with ${keys} keys`, () => {
    const certificate = { chain: '', chainFile: '', keyFile: '', bothFile: '' }
    const options = { directory: '', upstreamUrl: '', slowUrl: '', certificate, routes, keys: createKeys(keys) }
    const requests = ROWS.policy.requests(options)
    const prefixes = Array.from({ length: routes }, (_, index) => routePrefix(index))
    for (const { path, key } of requests) {
      assert.match(key ?? '', /^hgk_bench_/)
      const found = prefixes.filter((prefix) => (prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix))
      assert.equal(found.length, 1, path)
    }
  })
}

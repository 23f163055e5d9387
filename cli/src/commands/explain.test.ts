import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

test('explain draws the gate rail', async () => {
  const { code, stdout, api } = await headgate(['explain', 'last'], { explain: () => samples.refusedExplanation })
  assert.equal(code, 0)
  assert.match(stdout, /DELETE \/orders\/42 {3}403 scope_missing[^]*Access ──┃[^]*Needed {3}orders:delete/)
  assert.deepEqual(api.calls[0]?.body, { request_id: 'last' })
})

test('explain of a simulated request sends what was written', async () => {
  const { api } = await headgate(
    [
      'explain',
      '--method',
      'delete',
      '--path',
      '/orders/42?x=1',
      '--as',
      'key_01',
      '--header',
      'x-a: b',
      '--release',
      'draft',
    ],
    { explain: () => samples.refusedExplanation },
  )
  const [call] = api.calls
  assert.ok(call)
  const { request, release } = call.body as { request: Record<string, unknown>; release: string }
  assert.deepEqual(
    [request['method'], request['target'], request['as_key'], release],
    ['DELETE', '/orders/42?x=1', 'key_01', 'draft'],
  )
  assert.deepEqual(request['headers'], [{ name: 'x-a', value: 'b' }])
})

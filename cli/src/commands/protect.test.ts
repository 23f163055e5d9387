import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Handlers } from '#cli/fakes/admin-api.ts'
import { headgate } from '#cli/fakes/headgate.ts'
import { applied, publishing } from '#cli/fakes/publishing.ts'
import * as samples from '#cli/fakes/samples.ts'

const protecting: Handlers = {
  ...publishing,
  whoami: () => ({ operator: samples.operator, via: 'token' }),
  diffReleases: () => ({ from: 'r1', to: 'draft', draft_revision: 7, changes: [], findings: [] }),
  listLimits: () => ({ release: 'r1', groups: 1, data: [] }),
  listAgents: () => ({ data: [], next_cursor: null, has_more: false }),
}

test('protect writes four objects, publishes them and prints the address and the next command', async () => {
  const { code, stdout, stderr, api } = await headgate(
    ['protect', 'http://localhost:3000', '--name', 'billing', '--path', '/billing'],
    protecting,
  )
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^http:\/\/\S+\/billing\n$/)
  assert.match(stderr, /headgate keys create --consumer <name> --scope billing:call/)
  const call = api.calls.findLast(({ operation }) => operation === 'applyObjects')
  assert.ok(call)
  const { objects } = call.body as { objects: { kind: string; name: string }[] }
  assert.deepEqual(
    objects.map(({ kind, name }) => `${kind}/${name}`),
    ['service/billing', 'route/billing', 'policy/billing.access', 'policy/billing.limit'],
  )
})

test('protect does not replace what somebody else wrote', async () => {
  const changed = { ...samples.addedRoute, change: 'changed' as const, before: {}, pointers: ['/path'] }
  const { code, stderr, api } = await headgate(['protect', 'http://localhost:3000', '--name', 'billing'], {
    ...protecting,
    applyObjects: () => ({ ...applied, changes: [changed] }),
    getObject: () => ({
      id: 'rt_01',
      kind: 'route',
      name: 'billing',
      spec: {},
      origin: 'headgate.yaml:3',
      revision: 1,
      updated_at: '2026-01-02T03:04:05.678Z',
    }),
  })
  assert.equal(code, 5)
  assert.match(stderr, /the name is in use; nothing was changed\n {2}route\/billing, written by headgate\.yaml:3/)
  assert.ok(api.calls.every(({ operation, query }) => operation !== 'applyObjects' || query['dry_run'] === true))
})

// Publishing is of the whole draft: half-done work of a colleague must not go live by the way.
test('protect does not publish changes of others without a word', async () => {
  const others = { ...samples.addedRoute, name: 'half-done' }
  const handlers: Handlers = {
    ...protecting,
    diffReleases: () => ({ from: 'r1', to: 'draft', draft_revision: 7, changes: [others], findings: [] }),
  }
  const args = ['protect', 'http://localhost:3000', '--name', 'billing']
  const { code, stderr, api } = await headgate(args, handlers)
  assert.equal(code, 5)
  assert.match(stderr, /would go live too:\n\+ route\/half-done/)
  assert.ok(api.calls.every(({ operation }) => operation !== 'publishRelease'))
  assert.equal((await headgate([...args, '--yes'], handlers)).code, 0)
})

test('protect says which other limits count for the same requests', async () => {
  const own = { ...samples.limit, policy: 'billing.limit', routes: { count: 1, names: ['billing'] } }
  const everywhere = { ...own, policy: 'default.internal', key: ['consumer'] }
  const { stderr } = await headgate(['protect', 'http://localhost:3000', '--name', 'billing'], {
    ...protecting,
    listLimits: () => ({ release: 'r1', groups: 1, data: [own, everywhere, samples.limit] }),
  })
  assert.match(stderr, /Limit +100\/1m per consumer\n +and +1000\/1m per consumer, by the policy default\.internal\n/)
  assert.doesNotMatch(stderr, /orders\.limit|policy billing\.limit/)
})

test('protect publishes the limits that an environment begins with, without asking', async () => {
  const added = { ...samples.addedRoute, kind: 'policy', name: 'default.public' }
  const { code, stderr } = await headgate(['protect', 'http://localhost:3000', '--name', 'billing'], {
    ...protecting,
    diffReleases: () => ({ from: 'r1', to: 'draft', draft_revision: 7, changes: [added], findings: [] }),
  })
  assert.equal(code, 0, stderr)
})

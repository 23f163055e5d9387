/**
 * Roles and issuers are configuration like everything else: written, checked, compared, published and brought back by
 * the operations of all kinds.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import test, { after, before } from 'node:test'
import { type Place, newPlace, service } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'

let controlPlane: TestControlPlane

before(async () => {
  controlPlane = await startControlPlane()
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const client = () => controlPlane.owner.client

const role = { kind: 'role' as const, name: 'reader', spec: { scopes: ['orders:read'] } }
const issuer = {
  kind: 'issuer' as const,
  name: 'login',
  spec: {
    issuer: 'https://login.example.com',
    audiences: ['https://api.example.com'],
    keys: { discovery: true },
    role_claim: 'realm_access.roles',
  },
}
const route = { kind: 'route' as const, name: 'orders', spec: { service: 'orders', path: '/orders' } }
const access = {
  kind: 'policy' as const,
  name: 'orders.access',
  spec: {
    type: 'access',
    on: { route: 'orders' },
    credentials: [{ kind: 'jwt', issuer: 'login' }],
    roles: ['reader'],
  },
}
const all = [service, role, issuer, route, access]

async function withObjects(objects: typeof all): Promise<Place> {
  const params = await newPlace(client())
  await client().call('applyObjects', { params, body: { objects } })
  return params
}

test('200 what is applied is exported as it was written, and applying the export again changes nothing', async () => {
  const params = await withObjects(all)
  const { objects } = await client().call('exportObjects', { params })
  assert.deepEqual(objects.find(({ kind }) => kind === 'issuer')?.spec, issuer.spec)
  assert.deepEqual(objects.find(({ kind }) => kind === 'role')?.spec, role.spec)
  const again = await client().call('applyObjects', {
    params: await newPlace(client()),
    body: { objects: objects.map(({ kind, name, spec }) => ({ kind: kind as 'role', name, spec })), prune: true },
  })
  assert.equal(again.changes.length, all.length)
  const same = await client().call('applyObjects', {
    params,
    body: { objects: objects.map(({ kind, name, spec }) => ({ kind: kind as 'role', name, spec })), prune: true },
  })
  assert.deepEqual(same.changes, [])
})

test('200 a dry run says what would change in a role, and changes nothing', async () => {
  const params = await withObjects(all)
  const { changes } = await client().call('applyObjects', {
    params,
    query: { dry_run: 'true' },
    body: { objects: [{ ...role, spec: { scopes: ['orders:read', 'orders:write'] } }] },
  })
  assert.deepEqual(
    changes.map(({ change, kind, name, pointers }) => [change, kind, name, pointers]),
    [['changed', 'role', 'reader', ['/scopes/1']]],
  )
  const { data } = await client().call('listObjects', { params, query: { kind: 'role' } })
  assert.deepEqual(data[0]?.spec, role.spec)
})

test('201 a release holds roles and issuers, a diff shows what changed in them, and a rollback brings them back', async () => {
  const params = await withObjects(all)
  const first = await client().call('publishRelease', { params, body: {} })
  assert.equal(first.changes.length, all.length)
  await client().call('applyObjects', {
    params,
    body: { objects: [{ ...issuer, spec: { ...issuer.spec, clock_skew_ms: 5_000 } }] },
  })
  const { changes } = await client().call('diffReleases', { params })
  assert.deepEqual(
    changes.map(({ kind, name, pointers }) => [kind, name, pointers]),
    [['issuer', 'login', ['/clock_skew_ms']]],
  )
  await client().call('publishRelease', { params, body: {} })
  await client().call('rollbackRelease', { params: { ...params, number: '1' }, body: {} })
  const live = await client().call('getReleaseObjects', { params: { ...params, number: 'live' } })
  assert.deepEqual(live.objects.find(({ kind }) => kind === 'issuer')?.spec, issuer.spec)
})

test('200 a policy that names a role or issuer that is not there is found, and 422 when it is published', async () => {
  const params = await withObjects([service, route, access])
  const { data } = await client().call('validateDraft', { params })
  assert.deepEqual(
    data.map(({ code, severity, object, pointer }) => [code, severity, object, pointer]),
    [
      ['reference_unknown', 'error', 'policy/orders.access', '/credentials/0/issuer'],
      ['reference_unknown', 'error', 'policy/orders.access', '/roles/0'],
    ],
  )
  const problem = await refusal(client().call('publishRelease', { params, body: {} }))
  assert.deepEqual([problem.code, problem.errors?.length], ['release_refused', 2])
})

test('422 for an issuer whose keys could not be used, with the place in its spec', async () => {
  const params = await newPlace(client())
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  for (const [spec, pointer] of [
    [{ ...issuer.spec, keys: { jwks: { keys: [jwk] } } }, '/spec/keys'],
    [{ ...issuer.spec, keys: undefined }, '/spec/keys'],
    [{ ...issuer.spec, issuer: 'http://login.example.com' }, '/spec/issuer'],
    [{ ...issuer.spec, algorithms: ['none'] }, '/spec/algorithms/0'],
    [{ ...issuer.spec, clock_skew_ms: 300_001 }, '/spec/clock_skew_ms'],
  ] as const) {
    const call = client().call('putObject', { params: { ...params, kind: 'issuer', name: 'login' }, body: { spec } })
    const { errors = [] } = await refusal(call)
    assert.ok(errors.length > 0 && errors.every((error) => error.pointer.startsWith(pointer)), JSON.stringify(errors))
  }
})

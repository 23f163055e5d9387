import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { type Place, newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'

let controlPlane: TestControlPlane
let place: Place

before(async () => {
  controlPlane = await startControlPlane()
  place = await newPlace(controlPlane.owner.client)
  const objects = ['reader', 'writer'].map((name) => ({ kind: 'role' as const, name, spec: { scopes: [] } }))
  await client().call('applyObjects', { params: place, body: { objects } })
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const client = () => controlPlane.owner.client

test('200 roles are given, changed and taken, each in one step of the directory; the same again changes nothing', async () => {
  const created = await client().call('createConsumer', {
    params: place,
    body: { name: 'alice', roles: ['writer', 'reader', 'reader'] },
  })
  assert.deepEqual(created.roles, ['reader', 'writer'])
  const read = async () => (await client().call('getEnvironment', { params: place })).directory_sequence
  const start = await read()
  const params = { ...place, consumer: 'alice' }
  const change = (body: { roles?: string[]; disabled?: boolean }) => client().call('updateConsumer', { params, body })
  assert.deepEqual((await change({ roles: ['reader'] })).roles, ['reader'])
  assert.equal((await change({ roles: ['reader'], disabled: false })).revision, 2)
  const both = await change({ roles: [], disabled: true })
  assert.deepEqual([both.roles, both.disabled, both.revision], [[], true, 3])
  assert.equal(await read(), start + 2)
  const actions = (await client().call('listAudit')).data.map(({ action }) => action)
  assert.deepEqual(actions.slice(0, 3), ['consumer.update', 'consumer.update', 'consumer.create'])
})

test('422 for a role that is not in the draft, or is no name; one that the consumer has may stay', async () => {
  const pointer = async (roles: string[]) => {
    const call = client().call('createConsumer', { params: place, body: { name: 'bob', roles } })
    return (await refusal(call)).errors?.[0]?.pointer
  }
  assert.equal(await pointer(['reader', 'rader']), '/roles/0')
  assert.equal(await pointer(['reader', 'No Name']), '/roles/1')
  await client().call('createConsumer', { params: place, body: { name: 'bob', roles: ['writer'] } })
  const role = { ...place, kind: 'role' as const, name: 'writer' }
  const { revision } = await client().call('getObject', { params: role })
  await client().call('deleteObject', { params: role, ifMatch: revision })
  const params = { ...place, consumer: 'bob' }
  const kept = await client().call('updateConsumer', { params, body: { roles: ['reader', 'writer'] } })
  assert.deepEqual(kept.roles, ['reader', 'writer'])
})

test('412 for roles of a consumer that changed meanwhile', async () => {
  await client().call('createConsumer', { params: place, body: { name: 'carol' } })
  const params = { ...place, consumer: 'carol' }
  await client().call('updateConsumer', { params, body: { roles: ['reader'] }, ifMatch: 1 })
  const late = client().call('updateConsumer', { params, body: { roles: [] }, ifMatch: 1 })
  assert.equal((await refusal(late)).code, 'revision_stale')
})

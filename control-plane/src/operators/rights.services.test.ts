/**
 * Who may do what: every role against every operation, over real HTTPS.
 */
import { type OperationId, operations } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { type World, createWorld, operationIds, rawCall, validCalls } from '#control-plane/fakes/calls.ts'
import { newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'

let controlPlane: TestControlPlane
let world: World

before(async () => {
  controlPlane = await startControlPlane()
  world = await createWorld(controlPlane)
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

for (const id of operationIds.filter((each) => operations[each].role !== 'anyone')) {
  test(`401 of ${id} without an operator, before anything else is looked at`, async () => {
    const call = rawCall(id, { params: { tenant: 'x', environment: 'x', kind: 'x' }, body: { nonsense: true } })
    for (const headers of [
      {},
      { authorization: 'Bearer hgp_' + 'A'.repeat(43) },
      { authorization: 'Basic Zm9v' },
      { cookie: '__Host-headgate=' + 'A'.repeat(43) },
    ]) {
      const answer = await controlPlane.send({ ...call, headers: { ...call.headers, ...headers } })
      assert.equal(answer.status, 401)
      assert.equal((answer.json as { code: string }).code, 'not_signed_in')
      assert.equal(answer.headers['www-authenticate'], 'Bearer realm="headgate"')
    }
  })
}

const rank = { viewer: 1, editor: 2, owner: 3 } as const
const roles = ['viewer', 'editor', 'owner'] as const

for (const role of roles) {
  test(`a ${role} of a tenant may do there what needs ${role} or less, 403 for the rest and for what needs everything`, async () => {
    const { token } = await controlPlane.operator([{ tenant: world.place.tenant, role }])
    await tryAll(token, (id) => {
      const operation = operations[id]
      return operation.scope === 'tenant' && operation.role !== 'anyone' && rank[role] >= rank[operation.role]
    })
  })

  test(`a ${role} of everything may do what needs ${role} or less, 403 for the rest`, async () => {
    const { token } = await controlPlane.operator([{ tenant: null, role }])
    await tryAll(token, (id) => {
      const needed = operations[id].role
      return needed !== 'anyone' && rank[role] >= rank[needed]
    })
  })
}

/** Tries all operations: those that are allowed succeed, the others answer 403. */
async function tryAll(token: string, allowed: (id: OperationId) => boolean): Promise<void> {
  for (const id of operationIds) {
    if (operations[id].role === 'anyone') continue
    const answer = await controlPlane.send(rawCall(id, await validCalls[id](world)), token)
    assert.equal(answer.status, allowed(id) ? operations[id].status : 403, `${id}: ${answer.text}`)
    if (answer.status === 403) assert.equal((answer.json as { code: string }).code, 'not_allowed')
  }
}

test('404 for every operation on a tenant of others, the same as for one that does not exist', async () => {
  const place = await newPlace(controlPlane.owner.client)
  const { token, client } = await controlPlane.operator([{ tenant: place.tenant, role: 'owner' }])
  for (const id of operationIds) {
    if (!operations[id].path.includes('{tenant}')) continue
    const prepared = await validCalls[id](world)
    const answer = await controlPlane.send(rawCall(id, prepared), token)
    const nothing = await controlPlane.send(
      rawCall(id, { ...prepared, params: { ...prepared.params, tenant: 'nobody' } }),
      token,
    )
    assert.equal(answer.status, 404, id)
    const strip = (json: unknown): object => ({ ...(json as object), request_id: '' })
    assert.deepEqual(
      strip(answer.json),
      JSON.parse(JSON.stringify(strip(nothing.json)).replace('nobody', world.place.tenant)),
      id,
    )
  }
  const { data } = await client.call('listTenants')
  assert.deepEqual(
    data.map(({ name }) => name),
    [place.tenant],
  )
})

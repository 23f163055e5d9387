/**
 * Every change leaves exactly one audit entry, or does not happen.
 */
import { type OperationId, operations } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { type World, createWorld, dryRunIds, rawCall, validCalls, writingIds } from '#control-plane/fakes/calls.ts'
import { PUBLIC_URL, type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { hashSecret } from '#control-plane/operators/secrets.ts'

let controlPlane: TestControlPlane
let world: World

before(async () => {
  controlPlane = await startControlPlane()
  world = await createWorld(controlPlane)
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

for (const id of writingIds) {
  test(`${id} appends exactly one audit entry, which names the operator and holds no secret`, async () => {
    const { app, owner } = controlPlane
    const prepared = await validCalls[id](world)
    const call = rawCall(id, prepared)
    const credentials = id === 'signOut' ? { headers: await sessionHeaders() } : {}
    const before = await app.db.auditEntry.count()
    const answer = await controlPlane.send(
      { ...call, ...credentials },
      id === 'signOut' || id === 'welcome' ? undefined : owner.token,
    )
    assert.equal(answer.status, operations[id].status, answer.text)
    assert.equal(await app.db.auditEntry.count(), before + 1)
    const entry = await app.db.auditEntry.findFirstOrThrow({ orderBy: [{ at: 'desc' }, { id: 'desc' }] })
    assert.equal(entry.operatorName, 'first')
    assert.equal(entry.requestId, answer.headers['x-request-id'])
    const text = JSON.stringify(entry)
    for (const secret of secretsIn(answer.json)) assert.equal(text.includes(secret), false, 'a secret is in the audit')
  })
}

for (const id of dryRunIds) {
  test(`a dry run of ${id} changes nothing and leaves no audit entry`, async () => {
    const { owner } = controlPlane
    const prepared = await validCalls[id](world)
    const before = await contents()
    const answer = await controlPlane.send(rawCall(id, { ...prepared, query: { dry_run: true } }), owner.token)
    assert.equal(answer.status, operations[id].status, answer.text)
    assert.deepEqual(await contents(), before)
    assert.equal((await controlPlane.send(rawCall(id, prepared), owner.token)).status, operations[id].status)
  })
}

// Guards the promise that no change goes without its entry, whatever breaks.
test('a change whose audit entry cannot be written does not happen', async () => {
  const { app, owner } = controlPlane
  const calls = new Map<OperationId, ReturnType<typeof rawCall>>()
  for (const id of writingIds) {
    // A world of its own: what one call needs, another would use up.
    if (id !== 'signOut' && id !== 'welcome')
      calls.set(id, rawCall(id, await validCalls[id](await createWorld(controlPlane))))
  }
  await app.db.$executeRawUnsafe(
    "create function no_audit() returns trigger language plpgsql as $$ begin raise exception 'disk full'; end $$",
  )
  await app.db.$executeRawUnsafe(
    'create trigger no_audit before insert on audit_entries for each row execute function no_audit()',
  )
  try {
    const before = await contents()
    for (const [id, call] of calls) {
      const answer = await controlPlane.send(call, owner.token)
      assert.equal(answer.status, 500, `${id}: ${answer.text}`)
      assert.equal(answer.text.includes('disk full'), false, 'the internal message got out')
    }
    assert.deepEqual(await contents(), before)
  } finally {
    await app.db.$executeRawUnsafe('drop trigger no_audit on audit_entries')
  }
})

/** Everything that operations can change, as text. */
async function contents(): Promise<string> {
  const { db } = controlPlane.app
  const tables = await Promise.all([
    db.tenant.findMany({ orderBy: { id: 'asc' } }),
    db.environment.findMany({ orderBy: { id: 'asc' } }),
    db.configObject.findMany({ orderBy: { id: 'asc' } }),
    db.consumer.findMany({ orderBy: { id: 'asc' } }),
    db.apiKey.findMany({ orderBy: { id: 'asc' } }),
    db.release.findMany({ orderBy: { id: 'asc' } }),
    db.agentGroup.findMany({ orderBy: { id: 'asc' }, include: { environments: true } }),
    db.joinToken.findMany({ orderBy: { id: 'asc' } }),
    db.agent.findMany({ orderBy: { id: 'asc' } }),
    db.operator.findMany({ orderBy: { id: 'asc' }, include: { roles: true, tokens: true } }),
    db.session.findMany({ orderBy: { id: 'asc' } }),
    db.welcomeLink.findMany({ orderBy: { id: 'asc' } }),
    db.auditEntry.findMany({ orderBy: { id: 'asc' } }),
  ])
  return JSON.stringify(tables, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

/** Header fields of a dashboard session of the first owner. */
async function sessionHeaders(): Promise<Record<string, string>> {
  const { url } = await controlPlane.owner.client.call('createWelcomeLink')
  const answer = await controlPlane.send({
    method: 'POST',
    path: '/v1/welcome',
    body: JSON.stringify({ code: url.split('#')[1] }),
  })
  const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  return { cookie, 'x-headgate-request': '1', origin: PUBLIC_URL }
}

function secretsIn(json: unknown): string[] {
  const text = JSON.stringify(json ?? '')
  const found = [...text.matchAll(/(?:hgk_[a-z-]+_|hg[pjs]_|welcome#)[0-9A-Za-z_-]+/g)].map(([match]) =>
    match.replace('welcome#', ''),
  )
  return [...found, ...found.map((secret) => Buffer.from(hashSecret(secret)).toString('hex'))]
}

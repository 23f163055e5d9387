import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import test, { after, before } from 'node:test'
import { newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { insertAgent } from '#control-plane/fakes/records.ts'
import { readKey } from './jwk.ts'
import { IDENTITY_KEYS_PATH } from './serve.ts'
import { dropOldKeys, listPublishedKeys, putIdentityKey } from './store.ts'

let controlPlane: TestControlPlane

before(async () => {
  controlPlane = await startControlPlane()
  await controlPlane.owner.client.call('createAgentGroup', { body: { name: 'eu' } })
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const db = () => controlPlane.app.db
const agent = (name: string) => insertAgent(db(), { group: 'eu', name })
const inMs = (ms: number) => new Date(Date.now() + ms)

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { privateKey, key: readKey(publicKey) }
}

const kids = async () => (await listPublishedKeys(db(), Date.now())).map(({ kid }) => kid)

test('200 anybody gets the keys with which a token of an agent is checked, and nothing private', async () => {
  const { privateKey, key } = newKey()
  await putIdentityKey(db(), await agent('signs'), key, inMs(3_600_000))
  const answer = await controlPlane.send({ method: 'GET', path: IDENTITY_KEYS_PATH })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.headers['content-type'], 'application/jwk-set+json')
  assert.match(answer.headers['cache-control'] ?? '', /^public, max-age=/)
  const set = answer.json as { keys: Record<string, unknown>[] }
  assert.deepEqual(set.keys, [{ ...key.jwk, kid: key.thumbprint, use: 'sig', alg: 'ES256' }])
  const data = Buffer.from('what a token signs')
  const published = createPublicKey({ key: set.keys[0] ?? {}, format: 'jwk' })
  assert.ok(verify('sha256', data, published, sign('sha256', data, privateKey)))
})

// Guards against an agent of one tenant that signs for callers of another.
test('200 the keys of an environment are those of the agents that serve it; one that nobody serves has none', async () => {
  const { client } = controlPlane.owner
  const place = await newPlace(client)
  await client.call('createAgentGroup', { body: { name: 'theirs', environments: [place] } })
  const [theirs, ours] = [newKey().key, newKey().key]
  await putIdentityKey(db(), await insertAgent(db(), { group: 'theirs', name: 'theirs-1' }), theirs, inMs(3_600_000))
  await putIdentityKey(db(), await agent('ours-1'), ours, inMs(3_600_000))
  const read = async (tenant: string, environment: string) => {
    const path = `/.well-known/headgate/${tenant}/${environment}/jwks.json`
    const answer = await controlPlane.send({ method: 'GET', path })
    assert.equal(answer.status, 200, answer.text)
    return (answer.json as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
  }
  assert.deepEqual(await read(place.tenant, place.environment), [theirs.thumbprint])
  assert.deepEqual(await read(place.tenant, 'nowhere'), [])
  assert.deepEqual(await read('nobody', place.environment), [])
  const path = '/.well-known/headgate/No%20Name/dev/jwks.json'
  assert.equal((await controlPlane.send({ method: 'GET', path })).status, 404)
})

test('405 for what is no reading', async () => {
  const answer = await controlPlane.send({ method: 'POST', path: IDENTITY_KEYS_PATH, body: '{}' })
  assert.deepEqual([answer.status, answer.headers['allow']], [405, 'GET, HEAD'])
})

test('keys of a revoked agent are not published, those of an ended certificate only until its tokens have ended', async () => {
  const [revoked, ended, long] = [newKey().key, newKey().key, newKey().key]
  const id = await agent('revoked')
  await putIdentityKey(db(), id, revoked, inMs(3_600_000))
  assert.ok((await kids()).includes(revoked.thumbprint))
  await db().agent.update({ where: { id }, data: { revokedAt: new Date() } })
  assert.equal((await kids()).includes(revoked.thumbprint), false)

  const other = await agent('renewed')
  await putIdentityKey(db(), other, ended, inMs(-60_000))
  await putIdentityKey(db(), other, long, inMs(-3_600_000))
  const published = await kids()
  assert.deepEqual([published.includes(ended.thumbprint), published.includes(long.thumbprint)], [true, false])
  await dropOldKeys(db(), other, Date.now())
  const rows = await db().agentIdentityKey.findMany({ where: { agentId: other } })
  assert.deepEqual(
    rows.map(({ thumbprint }) => thumbprint),
    [ended.thumbprint],
  )
})

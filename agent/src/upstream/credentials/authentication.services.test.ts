/**
 * How an agent proves itself to services: with secrets, and with tokens of a real OpenID provider, over all its threads.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caseKey, type ObjectInput } from '@headgate/core'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { directoryOf, ENVIRONMENT_ID, keyedRelease, openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { AUDIENCE, CLIENT, startOpenIdProvider } from '#agent/testing/openid-provider.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { startThreads } from '#agent/testing/threads.ts'

type Objects = Omit<ObjectInput, 'origin'>[]

const folder = temporaryFolder('authentication')
const HEAD = 'Host: api.example.com\r\n'
const GET = `GET / HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`

function authenticated(objects: Objects, authentication: object): Objects {
  return objects.map((object) =>
    object.kind === 'service' ? { ...object, spec: { ...(object.spec as object), authentication } } : object,
  )
}

const tokensOf = (issuer: string, secret: string): object => ({
  kind: 'oauth',
  token_url: `${issuer}/token`,
  client: { method: 'client_secret_basic', client_id: CLIENT.id, secret },
  scopes: ['orders:read'],
  private_addresses: true,
})

test('a service gets a token of the provider in place of what the caller has presented, and the provider is asked once', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  const env = { SECRET: CLIENT.secret }
  const objects = authenticated(keyedRelease(service.url), tokensOf(provider.issuer, 'env://SECRET'))
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']), env })
  const key = caseKey('production', 'abc')
  const request = `GET / HTTP/1.1\r\n${HEAD}Authorization: Bearer ${key}\r\n\r\n`
  // The very first ones wait until there is a token.
  const responses = await Promise.all(Array.from({ length: 20 }, async () => await sendRaw(agent.http, request)))
  assert.deepEqual(new Set(responses.map(({ status }) => status)), new Set([200]))
  for (const { fields } of service.arrived) {
    const values = fields.filter(([name]) => name === 'authorization').map(([, value]) => value)
    assert.equal(values.length, 1)
    const jwks = createRemoteJWKSet(new URL(`${provider.issuer}/jwks`))
    const { payload } = await jwtVerify((values[0] ?? '').replace(/^Bearer /, ''), jwks, { audience: AUDIENCE })
    assert.deepEqual([payload['client_id'], payload['scope']], [CLIENT.id, 'orders:read'])
  }
  assert.ok(!service.bytes().includes(key.slice(15, 40)))
  // A release that leaves it as it is asks nobody, and does without the provider.
  provider.down = true
  setRelease(agent.app.live, objects, { number: 2 })
  assert.equal((await sendRaw(agent.http, request)).status, 200)
  assert.equal(provider.asked.get('/token'), 1)
  assert.ok(!agent.logged().includes(CLIENT.secret))
})

test('503 upstream_credential_unavailable while a secret is not there, and the service is not asked without it', async () => {
  await using service = await startService()
  const path = join(folder, 'late')
  const objects = authenticated(openRelease(service.url), { kind: 'header', name: 'x-key', value: `file://${path}` })
  await using agent = await startAgent({ objects, settings: { adminListen: { host: '127.0.0.1', port: 0 } } })
  const refused = await sendRaw(agent.http, GET)
  assert.equal(refused.status, 503)
  assert.equal((JSON.parse(refused.body) as { code: string }).code, 'upstream_credential_unavailable')
  assert.equal(service.arrived.length, 0)
  const told = async (): Promise<unknown> => {
    const state = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as Record<string, unknown>
    return state['service_credentials']
  }
  const common = { environment_id: ENVIRONMENT_ID, services: ['shop'], kind: 'header' }
  const problem = `file://${path} cannot be read: ENOENT`
  assert.deepEqual(await told(), [{ ...common, state: 'missing', problem }])
  await writeFile(path, 's3cret\n')
  for (let waited = 0; waited < 60_000; waited += 100) {
    if ((await sendRaw(agent.http, GET)).status === 200) break
    await sleep(100)
  }
  assert.equal(service.arrived[0]?.field('x-key'), 's3cret')
  assert.deepEqual(await told(), [{ ...common, state: 'there', problem: null }])
})

// What was made for one authentication must never go to whoever is there instead.
test('a release that changes how the agent proves itself sends nothing of before', async () => {
  await using first = await startService()
  await using second = await startService()
  const env = { ONE: 'of-one', TWO: 'of-two' }
  const releaseOf = (url: string, value: string): Objects =>
    authenticated(openRelease(url), { kind: 'header', name: 'x-key', value })
  await using agent = await startAgent({ objects: releaseOf(first.url, 'env://ONE'), env })
  for (let round = 1; round <= 10; round++) {
    const [service, name] = round % 2 === 0 ? ([first, 'ONE'] as const) : ([second, 'TWO'] as const)
    setRelease(agent.app.live, releaseOf(service.url, `env://${name}`), { number: round + 1 })
    assert.equal((await sendRaw(agent.http, GET)).status, 200)
  }
  assert.deepEqual(new Set(first.arrived.map((arrived) => arrived.field('x-key'))), new Set(['of-one']))
  assert.deepEqual(new Set(second.arrived.map((arrived) => arrived.field('x-key'))), new Set(['of-two']))
  assert.equal(agent.app.live.environments()[0]?.id, ENVIRONMENT_ID)
})

test('all threads share one token and sign with the key of the agent, and those that come later know both', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  const path = join(folder, 'client')
  await writeFile(path, `${CLIENT.secret}\n`)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const identityKey = privateKey.export({ format: 'der', type: 'pkcs8' })
  await using agent = await startThreads({ workers: 2 }, undefined, {}, identityKey)
  const objects = keyedRelease(service.url).map((object) =>
    object.kind === 'service'
      ? { ...object, spec: { ...(object.spec as object), identity: { token: { audience: 'orders' } } } }
      : object,
  )
  agent.app.live.directory(ENVIRONMENT_ID).replace(directoryOf(['abc']))
  setRelease(agent.app.live, authenticated(objects, tokensOf(provider.issuer, `file://${path}`)))
  await agent.app.live.settled()
  const request = `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${caseKey('production', 'abc')}\r\nConnection: close\r\n\r\n`
  const askAll = async (): Promise<void> => {
    const responses = await Promise.all(Array.from({ length: 40 }, async () => await sendRaw(agent.http, request)))
    for (const { status, body } of responses) assert.equal(status, 200, body)
  }
  await askAll()
  await agent.app.restart()
  await askAll()
  assert.equal(new Set(service.arrived.map((arrived) => arrived.field('authorization'))).size, 1)
  assert.equal(provider.asked.get('/token'), 1)
  const ids = service.arrived.map((arrived) => decodeProtectedHeader(arrived.field('x-headgate-identity') ?? '').kid)
  assert.equal(new Set(ids).size, 1)
})

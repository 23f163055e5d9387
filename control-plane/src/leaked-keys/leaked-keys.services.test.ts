/**
 * Reports of a programme for secret scanning, over real HTTPS, with real signatures.
 */
import { leakedKeyVerdicts } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { type KeyObject, createHash, generateKeyPairSync, sign } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { type Place, newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import type { RawAnswer } from '#control-plane/fakes/https-fetch.ts'
import type { LeakAction } from './action.ts'
import { LEAKED_KEYS_PATH } from './serve.ts'

const URL_OF_LEAK = 'https://git.example/acme/app/blob/main/.env'

const stack = new AsyncDisposableStack()
let scanner: KeyObject
let file: string

before(async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  scanner = privateKey
  const directory = await mkdtemp(join(tmpdir(), 'headgate-leaks-'))
  stack.defer(() => rm(directory, { recursive: true }))
  file = join(directory, 'scanner.json')
  const key = publicKey.export({ type: 'spki', format: 'pem' })
  await writeFile(file, JSON.stringify({ public_keys: [{ key_identifier: 'k1', key, is_current: true }] }))
})
after(() => stack.disposeAsync())

interface World {
  readonly controlPlane: TestControlPlane
  readonly place: Place
}

async function withAction(action: LeakAction, work: (world: World) => Promise<void>): Promise<void> {
  await using controlPlane = await startControlPlane({
    env: { HEADGATE_SCANNER_KEYS_FILE: file, HEADGATE_LEAKED_KEYS: action },
  })
  await work({ controlPlane, place: await newPlace(controlPlane.owner.client) })
}

async function newKey({ controlPlane, place }: World, body: { decoy?: boolean } = {}) {
  return controlPlane.owner.client.call('createKey', {
    params: place,
    body: { consumer: 'alice', create_consumer: true, ...body },
  })
}

interface ReportOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly signed?: string
}

function report({ controlPlane }: World, found: unknown, options: ReportOptions = {}): Promise<RawAnswer> {
  const body = typeof found === 'string' ? found : JSON.stringify(found)
  const signature = sign('sha256', Buffer.from(options.signed ?? body), scanner).toString('base64')
  const headers = {
    'content-type': 'application/json',
    'github-public-key-identifier': 'k1',
    'github-public-key-signature': signature,
    ...options.headers,
  }
  return controlPlane.send({ method: 'POST', path: LEAKED_KEYS_PATH, body, headers })
}

const leak = (token: string, url = URL_OF_LEAK) => ({ token, type: 'headgate_api_key', url, source: 'content' })

const codeOf = ({ json }: RawAnswer) => (json as { code?: string }).code

test('404 as long as no programme is configured', async () => {
  await using controlPlane = await startControlPlane()
  const answer = await report({ controlPlane, place: { tenant: '', environment: '' } }, [])
  assert.deepEqual([answer.status, codeOf(answer)], [404, 'operation_unknown'])
})

test('200 a reported key is revoked, told of once, and written down with who did it; what is no key is said to be none', () =>
  withAction('revoke', async (world) => {
    const { controlPlane, place } = world
    const { client } = controlPlane.owner
    const key = await newKey(world)
    const before = (await client.call('getEnvironment', { params: place })).directory_sequence
    const other = key.key.replace(/_[0-9A-Za-z]{6}$/, '_000000')
    const answer = await report(world, [leak(key.key), leak('AKIAEXAMPLE'), leak(other)])
    assert.equal(answer.status, 200, answer.text)
    const verdicts = leakedKeyVerdicts.parse(answer.json)
    assert.deepEqual(
      verdicts.map(({ label }) => label),
      ['true_positive', 'false_positive', 'false_positive'],
    )
    assert.equal(verdicts[0]?.token_hash, createHash('sha256').update(key.key).digest('hex'))
    assert.equal((await client.call('getKey', { params: { ...place, key: key.id } })).state, 'revoked')
    assert.equal((await client.call('getEnvironment', { params: place })).directory_sequence, before + 1)

    const [entry] = (await client.call('listAudit', { query: { action: 'api_key.leak' } })).data
    assert.equal(entry?.operator, 'scanner')
    assert.equal((entry.after as Record<string, unknown>)['via'], 'scanner')
    const events = async () => (await client.call('listSecurityEvents', { params: place })).data
    const [event] = await events()
    assert.deepEqual(
      [event?.kind, event?.credential_id, event?.consumer, event?.url, event?.action, event?.agent],
      ['key_leaked', key.id, 'alice', URL_OF_LEAK, 'revoke', null],
    )

    const again = leakedKeyVerdicts.parse((await report(world, [leak(key.key)])).json)
    assert.equal(again[0]?.label, 'true_positive')
    assert.equal((await events()).length, 1)
  }))

// The text of a key in an audit entry would be a second leak.
test('the text of a reported key is kept nowhere, also when it is part of the address at which it was found', () =>
  withAction('alert', async (world) => {
    const key = await newKey(world)
    const answer = await report(world, [leak(key.key, `https://git.example/search?q=${key.key}`)])
    assert.equal(answer.text.includes(key.key), false)
    const random = key.key.split('_')[2] ?? ''
    const [dump] = await world.controlPlane.app.db.$queryRaw<{ text: string }[]>`
      select string_agg(t::text, '') as text from (select to_jsonb(a) as t from audit_entries a
        union all select to_jsonb(e) from security_events e union all select to_jsonb(k) from api_keys k) rows`
    assert.ok(dump?.text.includes('git.example/search'))
    assert.equal(dump?.text.includes(random), false)
  }))

test('200 with alert a key goes on working, and every place is told of once', () =>
  withAction('alert', async (world) => {
    const { controlPlane, place } = world
    const key = await newKey(world)
    await report(world, [leak(key.key), leak(key.key)])
    await report(world, [leak(key.key), leak(key.key, `${URL_OF_LEAK}#2`)])
    const params = { ...place, key: key.id }
    assert.equal((await controlPlane.owner.client.call('getKey', { params })).state, 'active')
    const { data } = await controlPlane.owner.client.call('listSecurityEvents', { params: place })
    assert.deepEqual(
      data.map(({ url, action }) => [url, action]),
      [
        [`${URL_OF_LEAK}#2`, 'alert'],
        [URL_OF_LEAK, 'alert'],
      ],
    )
  }))

test('200 with disable a key is switched off and can be switched on again', () =>
  withAction('disable', async (world) => {
    const { client } = world.controlPlane.owner
    const key = await newKey(world)
    await report(world, [leak(key.key)])
    const params = { ...world.place, key: key.id }
    assert.equal((await client.call('getKey', { params })).state, 'disabled')
    assert.equal((await client.call('updateKey', { params, body: { disabled: false } })).state, 'active')
  }))

test('200 with throttle a key works on, once in ten seconds, and keeps the limits that it had', () =>
  withAction('throttle', async (world) => {
    const { client } = world.controlPlane.owner
    const key = await newKey(world)
    const params = { ...world.place, key: key.id }
    const own = { requests: 100, window_ms: 1_000 }
    await client.call('updateKey', { params, body: { limits: [own] } })
    await report(world, [leak(key.key)])
    await report(world, [leak(key.key)])
    const { state, limits } = await client.call('getKey', { params })
    assert.deepEqual([state, limits], ['active', [{ requests: 6, window_ms: 60_000, burst: 1 }, own]])
    const { data } = await client.call('listSecurityEvents', { params: world.place })
    assert.deepEqual(
      data.map(({ action }) => action),
      ['throttle'],
    )
  }))

test('200 a decoy that was found stays laid out', () =>
  withAction('revoke', async (world) => {
    const decoy = await newKey(world, { decoy: true })
    await report(world, [leak(decoy.key)])
    const params = { ...world.place, key: decoy.id }
    assert.equal((await world.controlPlane.owner.client.call('getKey', { params })).state, 'active')
    const { data } = await world.controlPlane.owner.client.call('listSecurityEvents', { params: world.place })
    assert.equal(data[0]?.action, 'alert')
  }))

// Whoever could report keys of others could switch them off.
test('401 without a valid signature of a known programme, whatever is in the report', () =>
  withAction('revoke', async (world) => {
    const key = await newKey(world)
    const body = JSON.stringify([leak(key.key)])
    for (const options of [
      { signed: `${body} ` },
      { headers: { 'github-public-key-identifier': 'k2' } },
      { headers: { 'github-public-key-signature': '' } },
      { headers: { 'github-public-key-signature': Buffer.alloc(70).toString('base64') } },
      { headers: { authorization: `Bearer ${world.controlPlane.owner.token}`, 'github-public-key-signature': 'AA==' } },
    ]) {
      const answer = await report(world, body, options)
      assert.deepEqual([answer.status, codeOf(answer)], [401, 'report_unsigned'], JSON.stringify(options))
    }
    const params = { ...world.place, key: key.id }
    assert.equal((await world.controlPlane.owner.client.call('getKey', { params })).state, 'active')
  }))

test('400, 413 and 422 for signed reports that are none, and 405 for another method', () =>
  withAction('revoke', async (world) => {
    assert.equal((await report(world, '[')).status, 400)
    assert.equal((await report(world, { token: 'x' })).status, 422)
    assert.equal((await report(world, [{ token: 'x' }])).status, 422)
    assert.equal((await report(world, Array(1_001).fill(leak('x')))).status, 422)
    assert.equal((await report(world, [leak('x'.repeat(1024 * 1024))])).status, 413)
    const answer = await world.controlPlane.send({ method: 'GET', path: LEAKED_KEYS_PATH })
    assert.deepEqual([answer.status, answer.headers['allow']], [405, 'POST'])
  }))

test('429 for an address that reports without end', () =>
  withAction('alert', async (world) => {
    const statuses = new Set<number>()
    for (let count = 0; count < 130; count += 1) statuses.add((await report(world, [])).status)
    assert.deepEqual([...statuses], [200, 429])
  }))

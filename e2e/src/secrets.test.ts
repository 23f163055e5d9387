/**
 * No secret in clear where none belongs: planted values are looked for in a dump of the database, in every log, in the
 * agent's files and in the telemetry that leaves it.
 *
 * @module
 */
import { createClient } from '@headgate/admin-api'
import { createPrivateKeyDer, pem } from '@headgate/kit/pki.ts'
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { createKey, orders, release } from './harness/configuration.ts'
import { get, send } from './harness/http.ts'
import { withClient } from './harness/postgres.ts'
import { SHOP, startStack } from './harness/stack.ts'
import { until } from './harness/until.ts'

const telemetry: Buffer[] = []
const collector = await startCollector()
after(() => collector.close())
const stack = await startStack({
  agents: 0,
  controlPlaneEnv: { HEADGATE_LOG_LEVEL: 'trace' },
  agentEnv: {
    HEADGATE_LOG_LEVEL: 'trace',
    HEADGATE_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    HEADGATE_OTLP_PROTOCOL: 'http/protobuf',
  },
})
after(() => stack[Symbol.asyncDispose]())
const { client, controlPlane, database, upstream } = stack

/** An operator's own collector: keeps the bytes that it is sent. */
async function startCollector(): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      telemetry.push(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body)
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  return server
}

const planted = new Map<string, string | Buffer>()

/** A value that occurs nowhere by chance. */
function plant(name: string): string {
  const value = `planted${randomBytes(15).toString('hex')}`
  planted.set(name, value)
  return value
}

test('traffic that carries secrets is driven through everything', async () => {
  planted.set('welcome code', controlPlane.secrets.welcomeCode)
  planted.set('operator token', controlPlane.secrets.token)
  planted.set('master key', Buffer.from(controlPlane.secrets.masterKey, 'base64'))
  const joined = await client.call('createJoinToken', { params: { group: 'eu-1' }, body: {} })
  planted.set('join token', joined.token)
  planted.set('secret of the join token', Buffer.from(joined.token.slice(4), 'base64url').subarray(33, 65))

  const agent = await stack.addAgent()
  const certificateKey = await createPrivateKeyDer()
  await writeFile(join(stack.directory, 'shop.key'), pem('PRIVATE KEY', certificateKey), { mode: 0o600 })
  planted.set('private key of a certificate', Buffer.from(certificateKey).subarray(36, 68))
  await release(client, SHOP, orders(upstream.url))

  const { id, key } = await createKey(client, SHOP, 'alice')
  planted.set('API key', key)
  const rotated = await client.call('rotateKey', { params: { ...SHOP, key: id }, query: { wait: 'true' }, body: {} })
  planted.set('rotated API key', rotated.new.key)
  const link = await client.call('createWelcomeLink')
  planted.set('code of a welcome link', new URL(link.url).hash.slice(1))
  const me = await client.call('whoami')
  const token = await client.call('createOperatorToken', {
    params: { operator: me.operator.id },
    body: { name: 'second' },
  })
  planted.set('second operator token', token.token)

  const query = `/orders/1?api_key=${plant('query string')}`
  const common = { cookie: `session=${plant('cookie')}`, 'x-custom': plant('header value') }
  const shop = (headers: Record<string, string>): Promise<{ status: number }> => get(agent.httpPort, query, headers)
  assert.equal((await shop({ ...common, 'x-api-key': key })).status, 200)
  assert.equal((await shop({ ...common, authorization: `Bearer ${rotated.new.key}` })).status, 200)
  assert.equal((await shop({ ...common, authorization: `Basic ${plant('unknown scheme')}` })).status, 401)
  assert.equal((await shop({ ...common, 'x-api-key': plant('malformed key') })).status, 401)
  assert.equal((await shop({ ...common, 'x-api-key': key, authorization: `Bearer ${rotated.new.key}` })).status, 400)
  const body = JSON.stringify({ password: plant('body') })
  const posted = await send({
    port: agent.httpPort,
    method: 'POST',
    target: '/orders/1',
    headers: [
      ['host', 'localhost'],
      ['x-api-key', key],
    ],
    body,
  })
  assert.equal(posted.status, 405)
  await driveRest(key)

  const params = { ...SHOP, request_id: posted.header('x-request-id') ?? '' }
  await until('the records to arrive', () => client.call('getDecision', { params }))
  await until('telemetry to arrive', () => Buffer.concat(telemetry).includes(params.request_id))
})

/** Secrets at the admin API, in places where they belong and where they do not. */
async function driveRest(key: string): Promise<void> {
  const headers = [
    { name: 'x-api-key', value: key },
    { name: 'cookie', value: plant('header of a simulated request') },
  ]
  await client.call('explain', {
    params: SHOP,
    body: { request: { target: `/orders/1?q=${plant('query of a simulated request')}`, headers } },
  })
  const { fetch, url } = controlPlane
  const wrong = createClient({
    baseUrl: url,
    token: `hgp_${plant('wrong token')}`,
    fetch: fetch as unknown as typeof globalThis.fetch,
  })
  await assert.rejects(wrong.call('whoami'))
  await assert.rejects(wrong.call('welcome', { body: { code: plant('wrong welcome code') } }))
  const { token } = controlPlane.secrets
  const { hash } = new URL((await client.call('createWelcomeLink')).url)
  const session = await fetch(`${url}/v1/welcome`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-headgate-request': '1' },
    body: JSON.stringify({ code: hash.slice(1), want: 'session' }),
  })
  const cookie = /__Host-headgate=([^;]+)/.exec(session.headers.getSetCookie().join('\n'))?.[1]
  assert.ok(cookie !== undefined, `no cookie with ${session.status}`)
  planted.set('session cookie', cookie)
  assert.equal((await fetch(`${url}/v1/whoami`, { headers: { cookie: `__Host-headgate=${cookie}` } })).status, 200)

  const signedIn = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const malformed = await fetch(`${url}/v1/tenants`, {
    method: 'POST',
    headers: signedIn,
    body: `{"name":"${plant('malformed body')}`,
  })
  assert.equal(malformed.status, 400)
  const unknown = await fetch(`${url}/v1/tenants?token=${plant('query of the admin API')}`, {
    headers: { ...signedIn, cookie: `__Host-headgate=${plant('wrong session')}` },
  })
  assert.equal(unknown.status, 422)
}

test('a dump of the database holds none of them', async () => {
  assertClean('the database', await dumpDatabase(database.url))
})

test('no log holds any of them', () => {
  assertClean('the log of the control plane', Buffer.from(controlPlane.program.output))
  for (const { name, program } of stack.agents) assertClean(`the log of ${name}`, Buffer.from(program.output))
})

test('the files of an agent hold none of them, and its private key is in one file of mode 0600', async () => {
  for (const agent of stack.agents) {
    let withKey = 0
    for (const entry of await readdir(agent.stateDir, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const bytes = await readFile(path)
      assertClean(path, bytes, false)
      if (!hasPrivateKey(bytes)) continue
      withKey += 1
      const { mode } = await stat(path)
      assert.equal(mode & 0o777, 0o600, path)
    }
    assert.equal(withKey, 1)
  }
})

test('telemetry holds none of them', () => {
  assert.ok(telemetry.length > 0)
  assertClean('telemetry', Buffer.concat(telemetry))
})

// Without it, a search that finds nothing would prove nothing.
test('the search finds what is there', async () => {
  const dump = await dumpDatabase(database.url)
  const key = String(planted.get('API key'))
  const hash = createHash('sha256').update(key).digest()
  for (const present of [hash, hash.toString('hex'), 'alice', SHOP.environment]) assert.ok(dump.includes(present))
  assert.ok(controlPlane.program.output.includes('createKey'))
  assert.throws(() => assertClean('a dump with the key in it', Buffer.concat([dump, Buffer.from(key)])))
  assert.throws(() => assertClean('base64', Buffer.from(Buffer.from(key).toString('base64'))))
})

/** How a value may be written down. */
function forms(value: string | Buffer): Buffer[] {
  const bytes = Buffer.from(value)
  const texts = [bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')]
  // The first and last characters of base64 depend on what stands beside the value.
  return [bytes, ...texts.map((text) => Buffer.from(text))]
}

// PKCS #8 and SEC 1 in PEM, and the start of PKCS #8 in DER for P-256 and Ed25519.
const PRIVATE_KEYS = [
  Buffer.from('PRIVATE KEY-----'),
  Buffer.from('020100301306072a8648ce3d020106082a8648ce3d030107', 'hex'),
  Buffer.from('302e020100300506032b6570', 'hex'),
]

function hasPrivateKey(bytes: Buffer): boolean {
  return PRIVATE_KEYS.some((start) => forms(start).some((form) => bytes.includes(form)))
}

function assertClean(place: string, bytes: Buffer, withPrivateKeys = true): void {
  assert.ok(bytes.length > 0, `${place} is empty`)
  const found = [...planted]
    .filter(([, value]) => forms(value).some((form) => bytes.includes(form)))
    .map(([name]) => name)
  assert.deepEqual(found, [], `in ${place}`)
  if (withPrivateKeys) assert.ok(!hasPrivateKey(bytes), `a private key in ${place}`)
}

/** Every column of every table: as text, and bytes also as they are. */
async function dumpDatabase(url: string): Promise<Buffer> {
  return withClient(url, async (db) => {
    const parts: Buffer[] = []
    const tables = await db.query("select tablename from pg_tables where schemaname = 'public' order by tablename")
    for (const { tablename } of tables.rows as { tablename: string }[]) {
      const { rows } = await db.query(`select * from ${db.escapeIdentifier(tablename)}`)
      for (const value of rows.flatMap((row: Record<string, unknown>) => Object.values(row))) {
        if (Buffer.isBuffer(value)) parts.push(value, Buffer.from(value.toString('hex')))
        else parts.push(Buffer.from(typeof value === 'string' ? value : (JSON.stringify(value) ?? '')))
      }
    }
    return Buffer.concat(parts)
  })
}

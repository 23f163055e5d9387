import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { readAgentSettings } from '#agent/config.ts'
import { openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { certificate, issue, shake } from '#agent/testing/tls.ts'

const tls12 = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
const tls13 = { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' } as const
/** Lets a client of today ask for what it would not. */
const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const

const keyed = await issue('one.test')
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** An agent that presents one certificate for `one.test`, and one that asks for more for `modern.test`. */
async function start(url: string, options: Parameters<typeof startAgent>[0] = {}): Promise<TestAgent> {
  const agent = await startAgent(options)
  setRelease(agent.app.live, [
    ...openRelease(url),
    await certificate('one', 'one.test', keyed),
    await certificate('modern', 'modern.test', await issue('modern.test'), { profile: 'modern' }),
  ])
  await agent.app.certificates.settled()
  return agent
}

test('intermediate speaks TLS 1.2 and 1.3, with forward secrecy and authenticated encryption only', async (t) => {
  await using service = await startService()
  await using agent = await start(service.url)
  for (const [title, client, cipher] of [
    ['TLS 1.3', tls13, 'TLS_AES_128_GCM_SHA256'],
    ['TLS 1.2', tls12, 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['TLS 1.2 with ChaCha20', { ...tls12, ciphers: 'ECDHE-ECDSA-CHACHA20-POLY1305' }, 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    [
      "the agent's order of ciphers",
      { ...tls12, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256' },
      'ECDHE-ECDSA-AES128-GCM-SHA256',
    ],
  ] as const) {
    await t.test(`${title} is spoken`, async () => {
      const shaken = await shake(agent.https, 'one.test', client)
      assert.deepEqual([shaken.cipher, shaken.status], [cipher, 200])
    })
  }
  const refused: readonly (readonly [title: string, client: ConnectionOptions])[] = [
    ['TLS 1.1', old],
    ['TLS 1.0', { ...old, maxVersion: 'TLSv1' }],
    ['RC4', { ...tls12, ciphers: 'RC4-SHA:ECDHE-ECDSA-RC4-SHA:NULL-SHA256:@SECLEVEL=0' }],
    ['3DES', { ...tls12, ciphers: 'ECDHE-ECDSA-DES-CBC3-SHA:DES-CBC3-SHA:AES128-SHA:@SECLEVEL=0' }],
    ['CBC with forward secrecy', { ...tls12, ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA' }],
    ['key exchange by RSA', { ...tls12, ciphers: 'AES128-GCM-SHA256:AES256-GCM-SHA384' }],
    ['key exchange by finite fields', { ...tls12, ciphers: 'DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384' }],
    ['a pre-shared key', { ...tls12, ciphers: 'PSK-AES128-GCM-SHA256', pskCallback: () => null }],
    ['a curve that is not offered', { ...tls13, ecdhCurve: 'P-521' }],
  ]
  for (const [title, client] of refused) {
    await t.test(`${title} is refused`, async () => {
      await assert.rejects(shake(agent.https, 'one.test', client))
    })
  }
})

test('the key exchange is safe from tomorrow for clients that can, and works for those that cannot', async () => {
  await using service = await startService()
  await using agent = await start(service.url)
  const groups = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384']
  for (const group of groups) {
    const socket = connect({
      port: Number(new URL(agent.https).port),
      servername: 'one.test',
      rejectUnauthorized: false,
      ecdhCurve: group,
    })
    await once(socket, 'secureConnect')
    socket.destroy()
  }
})

test('a certificate may ask for modern, which is TLS 1.3 only; the others keep theirs', async () => {
  await using service = await startService()
  await using agent = await start(service.url)
  assert.equal((await shake(agent.https, 'modern.test')).protocol, 'TLSv1.3')
  await assert.rejects(shake(agent.https, 'modern.test', tls12))
  assert.equal((await shake(agent.https, 'one.test', tls12)).protocol, 'TLSv1.2')
})

test('an agent that is set to modern speaks TLS 1.3 only, whatever certificates ask for', async () => {
  await using service = await startService()
  await using agent = await start(service.url, { settings: { tlsProfile: 'modern' } })
  for (const name of ['one.test', 'modern.test']) {
    assert.equal((await shake(agent.https, name)).protocol, 'TLSv1.3')
    await assert.rejects(shake(agent.https, name, tls12))
  }
})

test('a profile that is not known stops the agent from starting', () => {
  const read = readAgentSettings({ HEADGATE_TLS_PROFILE: 'old' })
  assert.ok(read.kind === 'invalid')
  assert.match(read.problems.join(), /TLS_PROFILE=old must be one of modern, intermediate/)
})

// Renegotiation by clients was the way into several attacks, and costs the server more than the client.
test('a client that asks for renegotiation is refused it', async () => {
  await using service = await startService()
  await using agent = await start(service.url)
  const socket = connect({
    port: Number(new URL(agent.https).port),
    servername: 'one.test',
    rejectUnauthorized: false,
    ...tls12,
  })
  await once(socket, 'secureConnect')
  const { promise, resolve } = Promise.withResolvers<unknown>()
  socket.on('error', resolve)
  socket.on('close', () => resolve('closed'))
  socket.renegotiate({}, (error) => resolve(error ?? 'renegotiated'))
  assert.notEqual(await promise, 'renegotiated')
  socket.destroy()
})

test('no early data is announced, so that no client sends any', { skip: !hasOpenssl }, async () => {
  await using service = await startService()
  await using agent = await start(service.url)
  const { host } = new URL(agent.https)
  const client = spawn('openssl', ['s_client', '-connect', host, '-servername', 'one.test', '-tls1_3'])
  let out = ''
  client.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  // It says what it was told only when the connection has ended.
  client.stdin.write('GET / HTTP/1.1\r\nHost: one.test\r\nConnection: close\r\n\r\n')
  await once(client, 'exit')
  assert.match(out, /Max Early Data: 0/)
  assert.doesNotMatch(out, /Max Early Data: [1-9]/)
  assert.match(out, /Compression: NONE/)
})

/** A certificate for `one.test` with an RSA key, which our own authority does not make. */
function rsaPair(): { readonly chain: string; readonly key: string } {
  const folder = temporaryFolder('rsa')
  const [key, chain] = [join(folder, 'key'), join(folder, 'crt')]
  const names = ['-subj', '/CN=one.test', '-addext', 'subjectAltName=DNS:one.test']
  spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', chain, ...names])
  return { chain: readFileSync(chain, 'utf8'), key: readFileSync(key, 'utf8') }
}

test('one name may have two keys: a client gets the kind that it can check', { skip: !hasOpenssl }, async () => {
  await using service = await startService()
  const rsa = rsaPair()
  await using agent = await startAgent({ env: { RSA: rsa.key } })
  const { spec, ...rest } = await certificate('one', 'one.test', keyed)
  const both = { ...(spec as object), alternative: { chain: rsa.chain, key: 'env://RSA' } }
  setRelease(agent.app.live, [...openRelease(service.url), { ...rest, spec: both }])
  await agent.app.certificates.settled()
  assert.deepEqual(agent.app.certificates.unusable, [])
  const trusting = { ...tls12, rejectUnauthorized: false } as const
  for (const kind of ['ECDSA', 'RSA']) {
    const shaken = await shake(agent.https, 'one.test', { ...trusting, ciphers: `ECDHE-${kind}-AES128-GCM-SHA256` })
    assert.deepEqual([shaken.cipher, shaken.status], [`ECDHE-${kind}-AES128-GCM-SHA256`, 200])
  }
})

test('a second key of the same kind is told about: it would take the place of the first', async () => {
  await using agent = await startAgent()
  const { spec, ...rest } = await certificate('one', 'one.test', keyed)
  const { chain, key } = spec as { readonly chain: string; readonly key: string }
  const both = { ...(spec as object), alternative: { chain, key } }
  setRelease(agent.app.live, [...openRelease('http://127.0.0.1:9'), { ...rest, spec: both }])
  await agent.app.certificates.settled()
  assert.match(agent.app.certificates.unusable[0]?.why ?? '', /both keys are of the same kind/)
})

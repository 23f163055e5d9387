/**
 * HTTPS at an agent: certificates from configuration objects, keys from files on the agent, swapped while in use.
 *
 * @module
 */
import {
  type KeyedCertificate,
  createAuthority,
  createCertificateRequest,
  createPrivateKeyDer,
  issueClientCertificate,
  issueServerCertificate,
  pem,
  readCertificateRequest,
} from '@headgate/kit/pki.ts'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { type ConnectionOptions, type PeerCertificate, connect as connectTls } from 'node:tls'
import { type ConfigDocument, openRoute, orders, release } from './harness/configuration.ts'
import { get } from './harness/http.ts'
import { startLoad } from './harness/load.ts'
import { SHOP, startStack } from './harness/stack.ts'

const NAME = 'shop.test'
const life = { nowMs: Date.now(), lifeMs: 86_400_000 }

const stack = await startStack({ agents: 1 })
after(() => stack[Symbol.asyncDispose]())
const { client, upstream } = stack
const [agent] = stack.agents
assert.ok(agent !== undefined)
const { httpsPort } = agent

const authority = await createAuthority({ name: 'test authority', ...life })
const ca = pem('CERTIFICATE', authority.certificate)
const [first, second, other] = await Promise.all([issue(NAME), issue(NAME), issue('*.other.test')])
await release(client, SHOP, [...base(), await certificate('shop', NAME, first)])

function issue(host: string): Promise<KeyedCertificate> {
  return issueServerCertificate(authority, { hosts: [host], ...life })
}

function base(): ConfigDocument[] {
  return [...orders(upstream.url), ...openRoute('open', '/open')]
}

/** A certificate object whose key lies in a file on the agent's machine. */
async function certificate(name: string, host: string, keyed: KeyedCertificate): Promise<ConfigDocument> {
  const keyFile = join(stack.directory, `${name}-${crypto.randomUUID()}.key`)
  await writeFile(keyFile, pem('PRIVATE KEY', keyed.privateKey), { mode: 0o600 })
  const chain = pem('CERTIFICATE', keyed.certificate) + ca
  return { kind: 'certificate', name, spec: { hosts: [host], chain, key: `file://${keyFile}` } }
}

/** The certificate and protocol of one handshake. */
async function handshake(options: ConnectionOptions): Promise<{ der: Buffer; protocol: string | null }> {
  const socket = connectTls({ host: '127.0.0.1', port: httpsPort, ca, ...options })
  try {
    await once(socket, 'secureConnect')
    const peer: PeerCertificate = socket.getPeerCertificate()
    return { der: peer.raw, protocol: socket.getProtocol() }
  } finally {
    socket.destroy()
  }
}

test('a request over TLS is decided and recorded with its protocol', async () => {
  const tls = { ca, servername: NAME }
  assert.equal((await get(httpsPort, '/open/1', { host: NAME }, { tls })).status, 200)
  const refused = await get(httpsPort, '/orders/1', { host: NAME }, { tls })
  assert.equal(refused.status, 401)
  const params = { ...SHOP, request_id: refused.header('x-request-id') ?? '' }
  const record = await client.call('getDecision', { params })
  assert.equal(record.scheme, 'https')
  assert.match(record.tls ?? '', /1\.3$/)
})

test('TLS 1.2 and 1.3 are spoken, with the certificate of the server name', async () => {
  for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
    const seen = await handshake({ servername: NAME, minVersion: protocol, maxVersion: protocol })
    assert.equal(seen.protocol, protocol)
    assert.ok(seen.der.equals(first.certificate))
  }
})

// RFC 8996: a client that speaks no better is turned away. Sent by hand, because no library of today would.
test('TLS 1.1 is refused with protocol_version', async () => {
  const answer = await sendBytes(clientHello(0x03, 0x02, NAME))
  assert.equal(answer[0], 0x15, 'an alert record')
  assert.equal(answer[6], 70, 'protocol_version')
})

test('an unknown or missing server name is refused in the handshake', async () => {
  await assert.rejects(handshake({ servername: 'unknown.test' }))
  await assert.rejects(handshake({ servername: 'a.b.other.test' }))
  await assert.rejects(handshake({}))
})

test('a certificate is swapped by a publish under load without a failed request', async () => {
  const load = startLoad({
    ratePerS: 40,
    targets: [
      { tls: true, host: '127.0.0.1', port: httpsPort, path: '/open/1', servername: NAME, ca, headers: { host: NAME } },
    ],
  })
  for (const [keyed, extra] of [
    [second, []],
    [first, [await certificate('other', '*.other.test', other)]],
    [second, []],
  ] as const) {
    const before = load.result().answered
    await release(client, SHOP, [...base(), await certificate('shop', NAME, keyed), ...extra])
    assert.ok((await handshake({ servername: NAME })).der.equals(keyed.certificate), 'the new one is presented')
    if (extra.length > 0) assert.ok((await handshake({ servername: 'a.other.test' })).der.equals(other.certificate))
    while (load.result().answered < before + 20) await new Promise((settle) => setTimeout(settle, 20))
  }
  const { outcomes, sent, p99Ms } = await load.stop()
  console.log(`# ${sent} handshakes over 3 swaps, p99 ${p99Ms} ms`)
  assert.deepEqual(outcomes, { 200: sent })
})

test('a session is taken up again by whichever thread of the agent a client comes back to', async () => {
  let session: Buffer | undefined
  assert.equal(await shake({}, (ticket) => (session = ticket)), false)
  assert.ok(session !== undefined, 'no ticket came')
  const again = await Promise.all(Array.from({ length: 20 }, () => shake({ session }, () => {})))
  assert.deepEqual(new Set(again), new Set([true]))
})

/** One request over TLS. @returns whether a session was taken up again. */
async function shake(options: ConnectionOptions, onSession: (session: Buffer) => void): Promise<boolean> {
  const socket = connectTls({ host: '127.0.0.1', port: httpsPort, ca, servername: NAME, ...options })
  socket.on('session', onSession)
  await once(socket, 'secureConnect')
  const isReused = socket.isSessionReused()
  socket.write(`GET /open/1 HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`)
  await once(socket, 'data')
  socket.destroy()
  return isReused
}

test('requests in clear are sent on or refused as the policy says, and explained', async () => {
  const spec = { type: 'https', on: { environment: true }, plain: 'redirect', port: httpsPort, hsts: { max_age_s: 60 } }
  const policy = { kind: 'policy', name: 'https', spec } as const
  await release(client, SHOP, [...base(), policy, await certificate('shop', NAME, second)])
  const moved = await get(agent.httpPort, '/open/1?a=b', { host: NAME })
  assert.deepEqual([moved.status, moved.header('location')], [308, `https://${NAME}:${httpsPort}/open/1?a=b`])
  assert.equal(moved.header('strict-transport-security'), undefined)
  const arrived = await get(httpsPort, '/open/1?a=b', { host: NAME }, { tls: { ca, servername: NAME } })
  assert.deepEqual([arrived.status, arrived.header('strict-transport-security')], [200, 'max-age=60'])

  const leaked = await get(agent.httpPort, '/orders/1', { host: NAME, 'x-api-key': 'anything' })
  assert.equal(leaked.status, 403)
  const body = { request_id: leaked.header('x-request-id') ?? '' }
  const explanation = await client.call('explain', { params: SHOP, body })
  assert.deepEqual([explanation.reason, explanation.agrees], ['cleartext_credential', true])
  assert.deepEqual([explanation.gates[0]?.outcome, explanation.rule?.name], ['stopped', 'https'])
})

test('client certificates are asked for at the hosts that want them, and at no other', async () => {
  const closed = await certificate('closed', 'closed.test', await issue('closed.test'))
  const asking = { ...closed, spec: { ...closed.spec, client_certificates: { mode: 'required', ca } } }
  await release(client, SHOP, [...base(), await certificate('shop', NAME, second), asking])
  const key = await createPrivateKeyDer()
  const request = await readCertificateRequest(await createCertificateRequest(key))
  assert.ok(request.kind === 'ok')
  const subject = { publicKey: request.publicKey, uri: 'spiffe://acme/ci', nowMs: Date.now(), lifeMs: 3_600_000 }
  const cert = pem('CERTIFICATE', await issueClientCertificate(authority, subject))
  const holder = { ca, cert, key: pem('PRIVATE KEY', key) }
  const ask = async (host: string, tls: ConnectionOptions): Promise<number> =>
    (await get(httpsPort, '/open/1', { host }, { tls })).status
  assert.equal(await ask('closed.test', { ...holder, servername: 'closed.test' }), 200)
  await assert.rejects(ask('closed.test', { ca, servername: 'closed.test' }))
  assert.equal(await ask(NAME, { ca, servername: NAME }), 200)
  assert.equal(await ask('closed.test', { ca, servername: NAME }), 421, 'by the connection of another name')
  assert.equal((await get(agent.httpPort, '/open/1', { host: 'closed.test' })).status, 421, 'in clear')
})

test('a certificate whose key cannot be read leaves the others in place', async () => {
  const broken = await certificate('broken', 'broken.test', other)
  const unreadable = { ...broken, spec: { ...broken.spec, key: 'file:///nowhere/at/all.key' } }
  await release(client, SHOP, [...base(), await certificate('shop', NAME, second), unreadable])
  assert.ok((await handshake({ servername: NAME })).der.equals(second.certificate))
  await assert.rejects(handshake({ servername: 'broken.test' }))
})

function sendBytes(bytes: Uint8Array): Promise<Buffer> {
  return new Promise((settle, reject) => {
    const socket = connect({ host: '127.0.0.1', port: httpsPort })
    const chunks: Buffer[] = []
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer')))
    socket.once('connect', () => socket.write(bytes))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('error', reject)
    socket.once('close', () => settle(Buffer.concat(chunks)))
  })
}

/** RFC 4346 section 7.4.1.2, with the server name (RFC 6066 section 3). */
function clientHello(major: number, minor: number, serverName: string): Buffer {
  const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
  const sized = (bytes: Buffer): Buffer => Buffer.concat([u16(bytes.length), bytes])
  const name = Buffer.from(serverName)
  const sni = Buffer.concat([u16(0), sized(sized(Buffer.concat([Buffer.from([0]), sized(name)])))])
  const ciphers = sized(Buffer.concat([0xc009, 0xc00a, 0xc013, 0xc014, 0x002f, 0x0035].map(u16)))
  const body = Buffer.concat([
    Buffer.from([major, minor]),
    Buffer.alloc(32, 7),
    Buffer.from([0]),
    ciphers,
    Buffer.from([1, 0]),
    sized(sni),
  ])
  const message = Buffer.concat([Buffer.from([1, 0]), u16(body.length), body])
  return Buffer.concat([Buffer.from([0x16, major, minor]), sized(message)])
}

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import type { TlsPeer } from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createAuthority, pem } from '@headgate/kit/pki.ts'
import { createLive } from '#agent/live.ts'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { authority, certificate, clientCertificate, get, issue, shake } from '#agent/testing/tls.ts'
import { createCertificates } from './certificates.ts'
import { createHandshakes } from './handshakes.ts'
import { TicketKeys, ticketSecret } from './ticket-keys.ts'
import { readTlsPeer } from './tls-peer.ts'

const others = await createAuthority({ name: 'somebody else', nowMs: Date.now(), lifeMs: 3_600_000 })
const ca = pem('CERTIFICATE', authority.certificate)
const good = await clientCertificate()
const foreign = await clientCertificate(others)
const expired = await clientCertificate(authority, { nowMs: Date.now() - 7_200_000 })
const asking = (mode: 'optional' | 'required', of = ca): Readonly<Record<string, unknown>> => ({
  client_certificates: { mode, ca: of },
})

const versions = ['TLSv1.2', 'TLSv1.3'] as const

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version } as const

  test(`${version}: required refuses a client without a certificate that is good, in the handshake`, async () => {
    await using service = await startService()
    await using agent = await startAgent()
    setRelease(agent.app.live, [
      ...openRelease(service.url),
      await certificate('closed', 'closed.test', await issue('closed.test'), asking('required')),
      await certificate('open', 'open.test', await issue('open.test')),
    ])
    await agent.app.certificates.settled()
    assert.equal((await shake(agent.https, 'closed.test', { ...only, ...good })).status, 200)
    await assert.rejects(shake(agent.https, 'closed.test', only), 'none')
    await assert.rejects(shake(agent.https, 'closed.test', { ...only, ...foreign }), 'of another authority')
    await assert.rejects(shake(agent.https, 'closed.test', { ...only, ...expired }), 'expired')
    assert.equal(service.arrived.length, 1)
    // The other host asks nobody, whatever is presented.
    assert.equal((await shake(agent.https, 'open.test', { ...only, ...foreign })).status, 200)
  })
}

// The handshake knows the server name only; what it refuses must not come in by another door.
test('a host that requires client certificates is closed to requests by other connections', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const { live } = agent.app
  const base = openRelease(service.url)
  const [closed, open] = [await issue('closed.test'), await issue('open.test')]
  const release = async (of: string, number: number): Promise<void> => {
    setRelease(
      live,
      [
        ...base,
        await certificate('closed', 'closed.test', closed, asking('required', of)),
        await certificate('open', 'open.test', open),
      ],
      { number },
    )
    await agent.app.certificates.settled()
  }
  await release(ca, 1)
  assert.equal(await get(agent.https, 'closed.test', good), 200)
  assert.equal(await get(agent.https, 'open.test', good, 'closed.test'), 421, 'a certificate that was not asked for')
  assert.equal(await get(agent.https, 'closed.test', good, 'open.test'), 200)
  const plain = await sendRaw(agent.http, 'GET / HTTP/1.1\r\nHost: closed.test\r\n\r\n')
  assert.deepEqual([plain.status, JSON.parse(plain.body).code], [421, 'client_certificate_missing'])
  assert.equal(agent.records.at(-1)?.rule?.name, 'closed')
})

/** What a listener learns about clients of a host that asks for certificates, one after the other. */
async function peersOf(
  mode: 'optional' | 'required',
  clients: readonly object[],
): Promise<{ readonly peers: readonly (TlsPeer | null)[]; readonly failures: readonly string[] }> {
  const live = createLive()
  const log = createLog({ name: 'agent', level: 'fatal' })
  setRelease(live, [
    ...openRelease('http://127.0.0.1:9'),
    await certificate('asks', 'asks.test', await issue('asks.test'), asking(mode)),
  ])
  await using certificates = createCertificates({ live, env: {}, clock: systemClock, log, profile: 'intermediate' })
  await certificates.settled()
  const peers: (TlsPeer | null)[] = []
  const failures: string[] = []
  using handshakes = createHandshakes({
    certificates,
    tickets: new TicketKeys({ newest: ticketSecret(), before: null }),
    clock: systemClock,
    alpn: ['http/1.1'],
    timeoutMs: 5_000,
    handshakesMax: 10,
    onSecure: (socket, presented) => {
      peers.push(readTlsPeer(socket, presented))
      socket.on('error', () => {}).end('HTTP/1.1 204 No Content\r\n\r\n')
    },
    onFailed: ({ cause, why }) => void failures.push(`${cause}: ${why}`),
  })
  const server = createServer({ pauseOnConnect: true }, (socket) => handshakes.take(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (const client of clients) await shake(`https://127.0.0.1:${port}`, 'asks.test', client).catch(() => {})
  server.close()
  return { peers, failures }
}

test('what a client certificate says is known for the connection, and whether it can be believed', async () => {
  const { peers } = await peersOf('optional', [good, {}, foreign, expired])
  const [first, none, stranger, late] = peers
  assert.ok(first?.kind === 'verified')
  const { sha256, notAfterMs, ...rest } = first
  const expected = {
    kind: 'verified',
    certificate: 'asks',
    authorities: ca,
    subject: '',
    names: ['URI:spiffe://acme/ci'],
  }
  assert.deepEqual(rest, expected)
  assert.match(sha256, /^[0-9a-f]{64}$/)
  // The certificate was made before all tests of the process ran.
  assert.ok(Math.abs(notAfterMs - Date.now() - 3_600_000) < 600_000)
  assert.equal(none, null)
  assert.deepEqual([stranger?.kind, late?.kind], ['unverified', 'unverified'])
  assert.match(late?.kind === 'unverified' ? late.why : '', /CERT_HAS_EXPIRED/)
})

test('a client that is refused for its certificate is told about with the reason', async () => {
  const { peers, failures } = await peersOf('required', [{}, expired])
  assert.deepEqual(peers, [])
  const expected = ['client_certificate: peer did not return a certificate', 'client_certificate: CERT_HAS_EXPIRED']
  assert.deepEqual(failures, expected)
})

test('authorities that are no certificates are told about, and nothing is presented', async () => {
  await using agent = await startAgent()
  const broken = asking('optional', `${ca}-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n`)
  setRelease(agent.app.live, [
    ...openRelease('http://127.0.0.1:9'),
    await certificate('asks', 'asks.test', await issue('asks.test'), broken),
  ])
  await agent.app.certificates.settled()
  assert.equal(agent.app.certificates.unusable.length, 1)
  await assert.rejects(shake(agent.https, 'asks.test'))
})

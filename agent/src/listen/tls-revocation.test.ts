/**
 * Client certificates that were revoked, by real handshakes over both versions of TLS.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { type KeyedCertificate, pem } from '@headgate/kit/pki.ts'
import { createRoot, issueRevocationList, issueUnusual } from '@headgate/kit/pki-testing.ts'
import { openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { authority, ca, certificate, issue, shake } from '#agent/testing/tls.ts'

const server = await issue('asks.test')
// One that may have authorities below it.
const root = await createRoot('root')
const [good, bad] = [await issueUnusual(authority, {}), await issueUnusual(authority, {})]
const client = ({ certificate: der, privateKey }: KeyedCertificate, ...above: readonly KeyedCertificate[]) => ({
  cert: [der, ...above.map((one) => one.certificate)].map((one) => pem('CERTIFICATE', one)).join(''),
  key: pem('PRIVATE KEY', privateKey),
})

async function release(
  agent: TestAgent,
  url: string,
  { mode = 'required', ...clients }: { mode?: 'optional' | 'required'; ca?: string; crl?: string },
  number = 1,
): Promise<void> {
  const asking = { client_certificates: { mode, ca, ...clients } }
  setRelease(agent.app.live, [...openRelease(url), await certificate('asks', 'asks.test', server, asking)], { number })
  await agent.app.certificates.settled()
}

const revoking = async (...revoked: readonly KeyedCertificate[]): Promise<string> =>
  await issueRevocationList(
    authority,
    revoked.map((one) => one.certificate),
  )

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  const only = { minVersion: version, maxVersion: version } as const

  test(`${version}: a revoked client certificate is refused in the handshake, others are not`, async () => {
    await using service = await startService()
    await using agent = await startAgent()
    await release(agent, service.url, { crl: await revoking(bad) })
    assert.equal((await shake(agent.https, 'asks.test', { ...only, ...client(good) })).status, 200)
    await assert.rejects(shake(agent.https, 'asks.test', { ...only, ...client(bad) }))
    assert.equal(service.arrived.length, 1)
  })

  test(`${version}: a new release with a new list holds for the next handshake`, async () => {
    await using service = await startService()
    await using agent = await startAgent()
    await release(agent, service.url, { crl: await revoking() })
    assert.equal((await shake(agent.https, 'asks.test', { ...only, ...client(bad) })).status, 200)
    await release(agent, service.url, { crl: await revoking(bad) }, 2)
    await assert.rejects(shake(agent.https, 'asks.test', { ...only, ...client(bad) }))
    assert.equal((await shake(agent.https, 'asks.test', { ...only, ...client(good) })).status, 200)
  })

  test(`${version}: a list that has ended refuses every client of its authority, and is told about`, async () => {
    await using service = await startService()
    await using agent = await startAgent()
    const toMs = Date.now() - 60_000
    await release(agent, service.url, { crl: await issueRevocationList(authority, [], { toMs }) })
    await assert.rejects(shake(agent.https, 'asks.test', { ...only, ...client(good) }))
    const [problem] = agent.app.certificates.outdated
    assert.match(problem?.why ?? '', /^the list of revoked client certificates of CN=test authority ended/)
    assert.match(agent.logged(), /the list of revoked client certificates of CN=test authority ended/)
  })

  // Guards against a session that is taken up again as somebody who was proven before, and is not any more.
  test(`${version}: a client that was proven is asked again each time, whatever session it offers`, async () => {
    await using service = await startService()
    await using agent = await startAgent()
    await release(agent, service.url, { crl: await revoking() })
    const first = await shake(agent.https, 'asks.test', { ...only, ...client(bad) })
    const session = first.ticket ?? Buffer.alloc(0)
    const again = await shake(agent.https, 'asks.test', { ...only, ...client(bad), session })
    assert.deepEqual([first.status, again.status, again.isReused], [200, 200, false])
    await release(agent, service.url, { crl: await revoking(bad) }, 2)
    await assert.rejects(shake(agent.https, 'asks.test', { ...only, ...client(bad), session: again.ticket ?? session }))
  })
}

test('an authority without a list is not trusted beside one that has a list', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const above = await issueUnusual(authority, { isAuthority: true, subject: [{ CN: ['above'] }] })
  await release(agent, service.url, {
    ca: ca + pem('CERTIFICATE', above.certificate),
    crl: await issueRevocationList(above),
  })
  await assert.rejects(shake(agent.https, 'asks.test', client(good)))
})

test('what is no list is told about, and nothing is presented in its place', async () => {
  await using agent = await startAgent()
  const crl = '-----BEGIN X509 CRL-----\nbroken\n-----END X509 CRL-----\n'
  await release(agent, 'http://127.0.0.1:9', { crl })
  assert.match(agent.app.certificates.unusable[0]?.why ?? '', /a list of revoked certificates cannot be read/)
  await assert.rejects(shake(agent.https, 'asks.test', client(good)))
})

/** An open connection that has had an answer. */
async function open(url: string, keyed: KeyedCertificate): Promise<TLSSocket> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), servername: 'asks.test', ca, ...client(keyed) })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.write('GET / HTTP/1.1\r\nHost: asks.test\r\n\r\n')
  await once(socket, 'data')
  return socket
}

test('a connection ends when its certificate is revoked, and one of another certificate does not', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  await release(agent, service.url, { mode: 'optional', crl: await revoking() })
  const [mine, theirs] = [await open(agent.https, good), await open(agent.https, bad)]
  const ended = once(theirs, 'close')
  await release(agent, service.url, { mode: 'optional', crl: await revoking(bad) }, 2)
  await ended
  mine.write('GET / HTTP/1.1\r\nHost: asks.test\r\n\r\n')
  const [answer] = (await once(mine, 'data')) as [Buffer]
  assert.match(answer.toString('latin1'), /^HTTP\/1.1 200 /)
  mine.destroy()
  assert.match(agent.logged(), /a connection ended with its client certificate/)
})

test('an HTTP/2 connection ends when its certificate is revoked, with all its streams', async () => {
  await using service = await startService(() => null)
  await using agent = await startAgent()
  await release(agent, service.url, { crl: await revoking() })
  const session = connectHttp2(agent.https.replace('127.0.0.1', 'localhost'), {
    servername: 'asks.test',
    ca,
    ...client(bad),
  })
  session.on('error', () => {})
  const stream = session.request({ ':path': '/', ':authority': 'asks.test' })
  stream.on('error', () => {})
  const ended = [once(stream, 'close'), once(session, 'close')]
  while (service.arrived.length === 0) await new Promise((resolve) => setImmediate(resolve))
  await release(agent, service.url, { crl: await revoking(bad) }, 2)
  await Promise.all(ended)
})

test('a connection whose authority was revoked by the one above it ends too', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const above = await issueUnusual(root, { isAuthority: true, subject: [{ CN: ['above'] }] })
  const leaf = await issueUnusual(above, {})
  const lists = async (...revoked: readonly KeyedCertificate[]): Promise<string> => {
    const ofRoot = await issueRevocationList(
      root,
      revoked.map((one) => one.certificate),
    )
    return ofRoot + (await issueRevocationList(above))
  }
  const trusted = { mode: 'optional', ca: pem('CERTIFICATE', root.certificate) } as const
  await release(agent, service.url, { ...trusted, crl: await lists() })
  const { hostname: host, port } = new URL(agent.https)
  const socket = connect({ host, port: Number(port), servername: 'asks.test', ca, ...client(leaf, above) })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  socket.write('GET / HTTP/1.1\r\nHost: asks.test\r\n\r\n')
  await once(socket, 'data')
  const ended = once(socket, 'close')
  await release(agent, service.url, { ...trusted, crl: await lists(above) }, 2)
  await ended
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pem } from '@headgate/kit/pki.ts'
import { openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { authority, certificate, clientCertificate, issue, shake, type Shaken } from '#agent/testing/tls.ts'
import { rotateTicketSecrets, TicketKeys, ticketSecret } from './ticket-keys.ts'

const versions = ['TLSv1.2', 'TLSv1.3'] as const
const [one, two] = await Promise.all([issue('one.test'), issue('two.test')])
const client = await clientCertificate()

/** An agent with three hosts, of which one asks for client certificates. @param secret of its tickets. */
async function start(url: string, secret = ticketSecret()): Promise<TestAgent> {
  const agent = await startAgent()
  agent.app.tickets.replace(secret)
  const clients = { client_certificates: { mode: 'optional', ca: pem('CERTIFICATE', authority.certificate) } }
  setRelease(agent.app.live, [
    ...openRelease(url),
    await certificate('one', 'one.test', one),
    await certificate('two', 'two.test', two),
    await certificate('clients', 'clients.test', await issue('clients.test'), clients),
  ])
  await agent.app.certificates.settled()
  return agent
}

for (const version of versions) {
  const only = { minVersion: version, maxVersion: version } as const
  const again = async (agent: TestAgent, host: string, { ticket }: Shaken): Promise<boolean> => {
    const more = ticket === undefined ? {} : { session: ticket }
    const shaken = await shake(agent.https, host, { ...only, rejectUnauthorized: false, ...more })
    assert.equal(shaken.status, 200)
    return shaken.isReused
  }

  test(`${version}: a ticket of one thread is taken by every other that has the secret, and by nobody else`, async () => {
    await using service = await startService()
    const secret = ticketSecret()
    await using first = await start(service.url, secret)
    await using second = await start(service.url, secret)
    await using stranger = await start(service.url)
    const shaken = await shake(first.https, 'one.test', only)
    assert.ok(shaken.ticket !== undefined)
    assert.equal(shaken.isReused, false)
    let reused = 0
    for (let round = 0; round < 10; round++) {
      for (const agent of [first, second]) reused += Number(await again(agent, 'one.test', shaken))
    }
    assert.equal(reused, 20)
    assert.equal(await again(stranger, 'one.test', shaken), false)
  })

  // What was proven to one host says nothing at another, whose policy may be a different one.
  test(`${version}: a ticket of one host opens no other`, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const shaken = await shake(agent.https, 'one.test', only)
    assert.equal(await again(agent, 'two.test', shaken), false)
    assert.equal(await again(agent, 'clients.test', shaken), false)
    assert.equal(await again(agent, 'one.test', shaken), true)
    const { ticket } = shaken
    await assert.rejects(
      shake(agent.https, 'unknown.test', { ...only, ...(ticket !== undefined && { session: ticket }) }),
    )
  })

  test(`${version}: a host that asks for client certificates takes no session up again`, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const shaken = await shake(agent.https, 'clients.test', { ...only, ...client })
    assert.equal(shaken.status, 200)
    assert.equal(await again(agent, 'clients.test', shaken), false)
    assert.equal(await again(agent, 'one.test', shaken), false)
  })

  test(`${version}: after a new secret, an earlier ticket costs a whole handshake and fails nobody`, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const shaken = await shake(agent.https, 'one.test', only)
    agent.app.tickets.replace(ticketSecret())
    assert.equal(await again(agent, 'one.test', shaken), false)
    const fresh = await shake(agent.https, 'one.test', only)
    assert.equal(await again(agent, 'one.test', fresh), true)
  })

  test(`${version}: a new release keeps the tickets of a certificate that did not change`, async () => {
    await using service = await startService()
    await using agent = await startAgent()
    const object = await certificate('one', 'one.test', one)
    setRelease(agent.app.live, [...openRelease(service.url), object])
    await agent.app.certificates.settled()
    const shaken = await shake(agent.https, 'one.test', only)
    setRelease(agent.app.live, [...openRelease(service.url), object], { number: 2 })
    await agent.app.certificates.settled()
    assert.equal(await again(agent, 'one.test', shaken), true)
  })
}

test('keys differ by certificate and by secret, and are the same for the same', () => {
  const secret = ticketSecret()
  const [keys, same] = [new TicketKeys(secret), new TicketKeys(secret)]
  assert.equal(keys.keyOf('a').length, 48)
  assert.ok(keys.keyOf('a').equals(same.keyOf('a')))
  assert.ok(!keys.keyOf('a').equals(keys.keyOf('b')))
  same.replace(ticketSecret())
  assert.ok(!keys.keyOf('a').equals(same.keyOf('a')))
  assert.deepEqual([keys.number, same.number], [1, 2])
})

test('secrets are made anew in their time, until that is ended', async () => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  using _ = rotateTicketSecrets(resolve, 5)
  assert.equal((await promise).length, 32)
})

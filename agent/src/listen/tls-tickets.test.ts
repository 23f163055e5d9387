import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pem } from '@headgate/kit/pki.ts'
import { ENVIRONMENT_ID, openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { authority, certificate, clientCertificate, issue, shake, type Shaken } from '#agent/testing/tls.ts'
import { followedBy, KEY_NAME_BYTES, rotateTicketSecrets, TicketKeys, ticketSecret } from './ticket-keys.ts'

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

  test(`${version}: a ticket outlives one new secret, and costs a whole handshake after the next`, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const shaken = await shake(agent.https, 'one.test', only)
    agent.app.tickets.replace(ticketSecret())
    for (let times = 0; times < 3; times++) assert.equal(await again(agent, 'one.test', shaken), true)
    const fresh = await shake(agent.https, 'one.test', only)
    agent.app.tickets.replace(ticketSecret())
    assert.equal(await again(agent, 'one.test', shaken), false)
    assert.equal(await again(agent, 'one.test', fresh), true)
    assert.equal(await again(agent, 'one.test', await shake(agent.https, 'one.test', only)), true)
  })

  test(`${version}: a ticket under the secret before opens no other host either`, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const shaken = await shake(agent.https, 'one.test', only)
    agent.app.tickets.replace(ticketSecret())
    assert.equal(await again(agent, 'two.test', shaken), false)
    assert.equal(await again(agent, 'clients.test', shaken), false)
    assert.equal(await again(agent, 'one.test', shaken), true)
  })

  test(`${version}: a ticket that only looks as if it were under the secret before costs a whole handshake`, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const shaken = await shake(agent.https, 'one.test', only)
    const ticket = Buffer.from(shaken.ticket ?? '')
    const at = ticket.indexOf(agent.app.tickets.keyOf(`${ENVIRONMENT_ID} one`).subarray(0, KEY_NAME_BYTES))
    assert.ok(at !== -1, 'the ticket begins with the name of its key')
    const damaged = at + 2 * KEY_NAME_BYTES
    ticket.writeUInt8(ticket.readUInt8(damaged) ^ 1, damaged)
    agent.app.tickets.replace(ticketSecret())
    assert.equal(await again(agent, 'one.test', { ...shaken, ticket }), false)
    assert.equal(await again(agent, 'one.test', shaken), true)
  })

  // Every client comes with the last ticket that it was given, while secrets change under it.
  test(`${version}: new secrets under load fail no handshake`, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const connections = 24
    let [reused, rotations] = [0, 0]
    await Promise.all(
      Array.from({ length: 6 }, async (_, client) => {
        let last = await shake(agent.https, 'one.test', only)
        for (let times = 0; times < connections; times++) {
          if (times % 6 === client) {
            agent.app.tickets.replace(ticketSecret())
            rotations += 1
          }
          const session = last.ticket === undefined ? {} : { session: last.ticket }
          const shaken = await shake(agent.https, 'one.test', { ...only, ...session })
          assert.equal(shaken.status, 200)
          reused += Number(shaken.isReused)
          // With TLS 1.2, a session that was taken up again may bring no ticket.
          if (shaken.ticket !== undefined || !shaken.isReused) last = shaken
        }
      }),
    )
    assert.equal(rotations, connections)
    assert.ok(reused > 0)
    assert.equal(agent.app.slots.malformed.get('tls_failed'), undefined)
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
  const secrets = { newest: secret, before: null }
  const [keys, same] = [new TicketKeys(secrets), new TicketKeys(secrets)]
  assert.equal(keys.keyOf('a').length, 48)
  assert.ok(keys.keyOf('a').equals(same.keyOf('a')))
  assert.ok(!keys.keyOf('a').equals(keys.keyOf('b')))
  same.replace(ticketSecret())
  assert.ok(!keys.keyOf('a').equals(same.keyOf('a')))
  assert.deepEqual([keys.number, same.number], [1, 2])
  assert.equal(keys.keyBeforeOf('a'), null)
  assert.ok(same.keyBeforeOf('a')?.equals(keys.keyOf('a')))
  const [newest, newer] = [ticketSecret(), ticketSecret()]
  assert.deepEqual(followedBy(followedBy(secrets, newer), newest), { newest, before: newer })
})

test('secrets are made anew in their time, until that is ended', async () => {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>()
  using _ = rotateTicketSecrets(resolve, 5)
  assert.equal((await promise).length, 32)
})

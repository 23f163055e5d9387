import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type ConnectionOptions } from 'node:tls'
import { createAuthority, issueServerCertificate, type KeyedCertificate, pem } from '@headgate/kit/pki.ts'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import type { ObjectInput } from '@headgate/core'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'

const life = { nowMs: Date.now(), lifeMs: 3_600_000 }
const authority = await createAuthority({ name: 'test authority', ...life })
const ca = pem('CERTIFICATE', authority.certificate)
const folder = temporaryFolder('tls')

async function issue(host: string): Promise<KeyedCertificate> {
  return await issueServerCertificate(authority, { hosts: [host], ...life })
}

/** A certificate object whose key lies in a file. */
async function certificate(name: string, host: string, keyed: KeyedCertificate): Promise<Omit<ObjectInput, 'origin'>> {
  const path = join(folder, `${crypto.randomUUID()}.key`)
  await writeFile(path, pem('PRIVATE KEY', keyed.privateKey), { mode: 0o600 })
  return {
    kind: 'certificate',
    name,
    spec: { hosts: [host], chain: pem('CERTIFICATE', keyed.certificate), key: `file://${path}` },
  }
}

/** @returns the certificate that was presented, in DER, and the protocol. Rejects when the handshake fails. */
async function handshake(
  url: string,
  servername: string,
  more: ConnectionOptions = {},
): Promise<{ certificate: Buffer; protocol: string | null }> {
  const { hostname: host, port } = new URL(url)
  return await new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), servername, ca, ...more }, () => {
      resolve({ certificate: socket.getPeerCertificate().raw, protocol: socket.getProtocol() })
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the handshake was refused')))
  })
}

/** One request over TLS; the agent's own settings decide about reuse. */
async function get(url: string, servername: string, agent?: Agent): Promise<number> {
  const { hostname: host, port } = new URL(url)
  return await new Promise((resolve, reject) => {
    const headers = { host: servername }
    const outgoing = request(
      { host, port, servername, ca, headers, ...(agent !== undefined && { agent }) },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0))
      },
    )
    outgoing.on('error', reject).end()
  })
}

test('each server name is presented its own certificate, and no other name any', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const [one, two, wild] = await Promise.all([issue('one.test'), issue('two.test'), issue('*.wild.test')])
  setRelease(agent.app.live, [
    ...openRelease(service.url),
    await certificate('one', 'one.test', one),
    await certificate('two', 'two.test', two),
    await certificate('wild', '*.wild.test', wild),
  ])
  await agent.app.certificates.settled()
  assert.ok((await handshake(agent.https, 'one.test')).certificate.equals(one.certificate))
  assert.ok((await handshake(agent.https, 'TWO.test')).certificate.equals(two.certificate))
  assert.ok((await handshake(agent.https, 'a.wild.test')).certificate.equals(wild.certificate))
  for (const name of ['three.test', 'wild.test', 'a.b.wild.test', 'one.test.evil']) {
    await assert.rejects(handshake(agent.https, name), name)
  }
  await assert.rejects(handshake(agent.https, ''), 'no name')
  assert.match(agent.logged(), /a TLS handshake failed/)
  assert.ok((agent.app.slots.malformed.get('tls_failed') ?? 0) >= 5)

  assert.equal(await get(agent.https, 'one.test'), 200)
  const [arrived] = service.arrived
  assert.equal(arrived?.field('x-forwarded-proto'), 'https')
  assert.deepEqual([agent.records[0]?.scheme, agent.records[0]?.tls], ['https', 'TLSv1.3'])
})

test('TLS 1.2 and 1.3 are spoken, older versions and weak ciphers are refused', async () => {
  await using agent = await startAgent()
  setRelease(agent.app.live, [
    ...openRelease('http://127.0.0.1:9'),
    await certificate('one', 'one.test', await issue('one.test')),
  ])
  await agent.app.certificates.settled()
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const seen = await handshake(agent.https, 'one.test', { minVersion: version, maxVersion: version })
    assert.equal(seen.protocol, version)
  }
  const weak = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
  await assert.rejects(handshake(agent.https, 'one.test', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' }))
  await assert.rejects(handshake(agent.https, 'one.test', { ...weak, ciphers: 'AES128-SHA:AES256-SHA256' }))
  await assert.rejects(handshake(agent.https, 'one.test', { ...weak, ciphers: 'ECDHE-ECDSA-AES128-SHA256' }))
})

test('a certificate is swapped under load without one failed handshake', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const [old, fresh] = await Promise.all([issue('one.test'), issue('one.test')])
  const base = openRelease(service.url)
  setRelease(agent.app.live, [...base, await certificate('one', 'one.test', old)])
  await agent.app.certificates.settled()
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  let [running, done, failed] = [true, 0, 0]
  const load = async (connection?: Agent): Promise<void> => {
    while (running) {
      const status = await get(agent.https, 'one.test', connection).catch(() => 0)
      done += 1
      if (status !== 200) failed += 1
    }
  }
  const loads = [load(kept), load(), load()]
  for (let round = 0; round < 5; round++) {
    const keyed = round % 2 === 0 ? fresh : old
    setRelease(agent.app.live, [...base, await certificate('one', 'one.test', keyed)], { number: round + 2 })
    await agent.app.certificates.settled()
    await sleep(50)
    assert.ok((await handshake(agent.https, 'one.test')).certificate.equals(keyed.certificate))
  }
  running = false
  await Promise.all(loads)
  kept.destroy()
  assert.equal(failed, 0, `${failed} of ${done}`)
  assert.ok(done > 20)
})

test('a key that cannot be used is told about, and all other certificates work on', async (t) => {
  const [one, two] = await Promise.all([issue('one.test'), issue('two.test')])
  const keyText = pem('PRIVATE KEY', two.privateKey)
  const good = await certificate('one', 'one.test', one)
  const bad: readonly (readonly [title: string, key: string, why: RegExp])[] = [
    ['a file that is not there', 'file:///nowhere/at/all.key', /cannot be read: ENOENT/],
    ['a variable that is not set', 'env://NOT_SET', /env:\/\/NOT_SET is not set/],
    ['something that is no key', 'env://GARBAGE', /do not work together/],
    ['the key of another certificate', 'env://OTHER_KEY', /do not work together/],
  ]
  for (const [title, key, why] of bad) {
    await t.test(title, async () => {
      await using agent = await startAgent({ env: { GARBAGE: 'no key', OTHER_KEY: keyText } })
      const chain = pem('CERTIFICATE', one.certificate)
      setRelease(agent.app.live, [
        ...openRelease('http://127.0.0.1:9'),
        good,
        { kind: 'certificate', name: 'broken', spec: { hosts: ['broken.test'], chain, key } },
      ])
      await agent.app.certificates.settled()
      assert.ok((await handshake(agent.https, 'one.test')).certificate.equals(one.certificate))
      await assert.rejects(handshake(agent.https, 'broken.test'))
      const [problem, ...more] = agent.app.certificates.unusable
      assert.ok(problem !== undefined && more.length === 0)
      assert.equal(problem.certificate, 'broken')
      assert.match(problem.why, why)
      assert.match(agent.logged(), /a certificate cannot be presented/)
      assert.ok(!agent.logged().includes(keyText.split('\n')[1] ?? ''), 'the log holds the key')
    })
  }
})

test('when a new key cannot be read, the certificate that worked before is presented on', async () => {
  await using agent = await startAgent()
  const [one, next] = await Promise.all([issue('one.test'), issue('one.test')])
  const base = openRelease('http://127.0.0.1:9')
  setRelease(agent.app.live, [...base, await certificate('one', 'one.test', one)])
  await agent.app.certificates.settled()
  const spec = { hosts: ['one.test'], chain: pem('CERTIFICATE', next.certificate), key: 'file:///nowhere/at/all.key' }
  setRelease(agent.app.live, [...base, { kind: 'certificate', name: 'one', spec }], { number: 2 })
  await agent.app.certificates.settled()
  assert.ok((await handshake(agent.https, 'one.test')).certificate.equals(one.certificate))
  assert.equal(agent.app.certificates.unusable.length, 1)
})

test('a certificate that is gone from the release is presented no more', async () => {
  await using agent = await startAgent()
  const base = openRelease('http://127.0.0.1:9')
  setRelease(agent.app.live, [...base, await certificate('one', 'one.test', await issue('one.test'))])
  await agent.app.certificates.settled()
  await handshake(agent.https, 'one.test')
  setRelease(agent.app.live, base, { number: 2 })
  await agent.app.certificates.settled()
  await assert.rejects(handshake(agent.https, 'one.test'))
})

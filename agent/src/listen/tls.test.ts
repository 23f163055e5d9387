import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { pem } from '@headgate/kit/pki.ts'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { certificate, get, issue, shake } from '#agent/testing/tls.ts'
import { createCertificates } from './certificates.ts'

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
  assert.ok((await shake(agent.https, 'one.test')).certificate.equals(one.certificate))
  assert.ok((await shake(agent.https, 'TWO.test')).certificate.equals(two.certificate))
  assert.ok((await shake(agent.https, 'a.wild.test')).certificate.equals(wild.certificate))
  for (const name of ['three.test', 'wild.test', 'a.b.wild.test', 'one.test.evil']) {
    await assert.rejects(shake(agent.https, name), name)
  }
  await assert.rejects(shake(agent.https, ''), 'no name')
  assert.match(agent.logged(), /a TLS handshake failed/)
  assert.ok((agent.app.slots.malformed.get('tls_failed') ?? 0) >= 5)

  assert.equal(await get(agent.https, 'one.test'), 200)
  const [arrived] = service.arrived
  assert.equal(arrived?.field('x-forwarded-proto'), 'https')
  assert.deepEqual([agent.records[0]?.scheme, agent.records[0]?.tls], ['https', 'TLSv1.3'])
})

test('a certificate is swapped fifty times under load without one failed handshake', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const [old, fresh] = await Promise.all([issue('one.test'), issue('one.test')])
  const base = openRelease(service.url)
  setRelease(agent.app.live, [...base, await certificate('one', 'one.test', old)])
  await agent.app.certificates.settled()
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  let [running, done, failed] = [true, 0, 0]
  const load = async (agentOfClient?: Agent): Promise<void> => {
    const options = agentOfClient === undefined ? {} : { agent: agentOfClient }
    while (running) {
      const status = await get(agent.https, 'one.test', options).catch(() => 0)
      done += 1
      if (status !== 200) failed += 1
    }
  }
  const loads = [load(kept), load(), load()]
  for (let round = 0; round < 50; round++) {
    const keyed = round % 2 === 0 ? fresh : old
    setRelease(agent.app.live, [...base, await certificate('one', 'one.test', keyed)], { number: round + 2 })
    await agent.app.certificates.settled()
    assert.ok((await shake(agent.https, 'one.test')).certificate.equals(keyed.certificate))
  }
  running = false
  await Promise.all(loads)
  kept.destroy()
  assert.equal(failed, 0, `${failed} of ${done}`)
  assert.ok(done > 50, `${done}`)
})

test('a key that cannot be used is told about, and all other certificates work on', async (t) => {
  const [one, two] = await Promise.all([issue('one.test'), issue('two.test')])
  const keyText = pem('PRIVATE KEY', two.privateKey)
  const good = await certificate('one', 'one.test', one)
  const bad: readonly (readonly [title: string, key: string, why: RegExp])[] = [
    ['a file that is not there', 'file:///nowhere/at/all.key', /cannot be read: ENOENT/],
    ['a variable that is not set', 'env://NOT_SET', /env:\/\/NOT_SET is not set/],
    ['something that is no key', 'env://GARBAGE', /do not work together/],
    ['the key of another certificate', 'env://OTHER_KEY', /belongs to another certificate/],
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
      assert.ok((await shake(agent.https, 'one.test')).certificate.equals(one.certificate))
      await assert.rejects(shake(agent.https, 'broken.test'))
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
  assert.ok((await shake(agent.https, 'one.test')).certificate.equals(one.certificate))
  assert.equal(agent.app.certificates.unusable.length, 1)
})

test('a certificate that is gone from the release is presented no more', async () => {
  await using agent = await startAgent()
  const base = openRelease('http://127.0.0.1:9')
  setRelease(agent.app.live, [...base, await certificate('one', 'one.test', await issue('one.test'))])
  await agent.app.certificates.settled()
  await shake(agent.https, 'one.test')
  setRelease(agent.app.live, base, { number: 2 })
  await agent.app.certificates.settled()
  await assert.rejects(shake(agent.https, 'one.test'))
})

test('a key file that changes is followed, without a release', async () => {
  await using agent = await startAgent()
  const { live } = agent.app
  const keyed = await issue('one.test')
  const path = join(temporaryFolder('tls'), 'one.key')
  await writeFile(path, 'not yet')
  const chain = pem('CERTIFICATE', keyed.certificate)
  const spec = { hosts: ['one.test'], chain, key: `file://${path}` }
  setRelease(live, [...openRelease('http://127.0.0.1:9'), { kind: 'certificate', name: 'one', spec }])
  const options = { live, env: {}, clock: systemClock, log: createLog({ name: 'agent', level: 'fatal' }) } as const
  await using certificates = createCertificates({ ...options, profile: 'intermediate', refreshMs: 20 })
  await certificates.settled()
  assert.equal(certificates.find('one.test'), null)
  await writeFile(path, pem('PRIVATE KEY', keyed.privateKey))
  for (let waited = 0; certificates.find('one.test') === null && waited < 20_000; waited += 20) await sleep(20)
  const presented = certificates.find('one.test')
  assert.ok(presented !== null)
  assert.equal(certificates.unusable.length, 0)
  await sleep(60)
  assert.equal(certificates.find('one.test'), presented, 'what did not change stays, and with it its tickets')
})

for (const [title, times, why] of [
  ['has expired', { nowMs: Date.now() - 7_200_000, lifeMs: 3_600_000 }, /it expired at 2/],
  ['is not valid yet', { nowMs: Date.now() + 7_200_000 }, /it is not valid before 2/],
] as const) {
  test(`a certificate that ${title} is told about, and presented for clients to judge`, async () => {
    await using service = await startService()
    await using agent = await startAgent()
    const keyed = await issue('one.test', times)
    setRelease(agent.app.live, [...openRelease(service.url), await certificate('one', 'one.test', keyed)])
    await agent.app.certificates.settled()
    await assert.rejects(shake(agent.https, 'one.test'), /expired|not yet valid/)
    assert.equal((await shake(agent.https, 'one.test', { rejectUnauthorized: false })).status, 200)
    const { unusable, outdated } = agent.app.certificates
    assert.deepEqual([unusable.length, outdated.length], [0, 1])
    assert.match(outdated[0]?.why ?? '', why)
    assert.match(agent.logged(), /a certificate is presented outside of its time/)
  })
}

test('a key that cannot be read never loosens what is asked of clients', async () => {
  await using agent = await startAgent()
  const [one, base] = [await issue('one.test'), openRelease('http://127.0.0.1:9')]
  const { spec, ...rest } = await certificate('one', 'one.test', one)
  setRelease(agent.app.live, [...base, { ...rest, spec }])
  await agent.app.certificates.settled()
  await shake(agent.https, 'one.test')
  const stricter = { ...(spec as object), key: 'file:///nowhere/at/all.key', profile: 'modern' }
  setRelease(agent.app.live, [...base, { ...rest, spec: stricter }], { number: 2 })
  await agent.app.certificates.settled()
  await assert.rejects(shake(agent.https, 'one.test'))
})

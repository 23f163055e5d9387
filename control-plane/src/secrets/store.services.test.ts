import { systemClock } from '@headgate/kit/clock.ts'
import { certificatePin } from '@headgate/kit/pki.ts'
import { createDatabase } from '@headgate/prisma'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import assert from 'node:assert/strict'
import { X509Certificate, randomBytes } from 'node:crypto'
import test from 'node:test'
import { createSealer } from './seal.ts'
import { LINK_SERVER_NAME, loadInstallationKeys } from './store.ts'

test('control planes that start at once on a new database agree on one set of keys', async () => {
  await using database = await createTestDatabase()
  const sealer = createSealer(randomBytes(32))
  await using one = createDatabase(database.url)
  await using two = createDatabase(database.url)
  const loads = [one, two, one, two].map((db) => loadInstallationKeys({ db, sealer, clock: systemClock }))
  const [first, ...others] = await Promise.all(loads)
  assert.ok(first)
  for (const keys of others) {
    assert.deepEqual(keys.agentAuthority, first.agentAuthority)
    assert.deepEqual(keys.linkServer, first.linkServer)
    assert.equal(keys.signer.keyId, first.signer.keyId)
  }
  assert.equal(await one.sealedKey.count(), 3)
})

test('keys are the same after a restart, and the authority signed the server', async () => {
  await using database = await createTestDatabase()
  const sealer = createSealer(randomBytes(32))
  await using db = createDatabase(database.url)
  const first = await loadInstallationKeys({ db, sealer, clock: systemClock })
  const second = await loadInstallationKeys({ db, sealer, clock: systemClock })
  assert.deepEqual(certificatePin(second.agentAuthority.certificate), certificatePin(first.agentAuthority.certificate))
  assert.deepEqual(second.signer.publicKey, first.signer.publicKey)
  const server = new X509Certificate(second.linkServer.certificate)
  assert.equal(server.checkHost(LINK_SERVER_NAME), LINK_SERVER_NAME)
  assert.ok(server.verify(new X509Certificate(second.agentAuthority.certificate).publicKey))
})

test('another master key is refused with its reason, and makes nothing anew', async () => {
  await using database = await createTestDatabase()
  await using db = createDatabase(database.url)
  await loadInstallationKeys({ db, sealer: createSealer(randomBytes(32)), clock: systemClock })
  const stranger = createSealer(randomBytes(32))
  await assert.rejects(loadInstallationKeys({ db, sealer: stranger, clock: systemClock }), { code: 'master_key_wrong' })
  assert.equal(await db.sealedKey.count(), 3)
})

test('a server certificate that nears its end is replaced at a start, and agents go on trusting', async () => {
  await using database = await createTestDatabase()
  const sealer = createSealer(randomBytes(32))
  await using db = createDatabase(database.url)
  const first = await loadInstallationKeys({ db, sealer, clock: systemClock })
  const later = { ...systemClock, now: () => Date.now() + 4.5 * 365 * 86_400_000 }
  const second = await loadInstallationKeys({ db, sealer, clock: later })
  assert.notDeepEqual(second.linkServer.certificate, first.linkServer.certificate)
  assert.deepEqual(second.agentAuthority.certificate, first.agentAuthority.certificate)
  assert.equal(second.signer.keyId, first.signer.keyId)
})

test('no stored row holds a private key in clear', async () => {
  await using database = await createTestDatabase()
  await using db = createDatabase(database.url)
  const keys = await loadInstallationKeys({ db, sealer: createSealer(randomBytes(32)), clock: systemClock })
  for (const { public: publicPart, sealed } of await db.sealedKey.findMany()) {
    for (const { privateKey } of [keys.agentAuthority, keys.linkServer]) {
      const secret = Buffer.from(privateKey).subarray(36, 68)
      assert.equal(Buffer.from(sealed).includes(secret), false)
      assert.equal(Buffer.from(publicPart).includes(secret), false)
    }
  }
})

import { createTestDatabase } from '@headgate/prisma/testing.ts'
import assert from 'node:assert/strict'
import { X509Certificate, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { readKey } from '#control-plane/identity-keys/jwk.ts'
import { listPublishedKeys } from '#control-plane/identity-keys/store.ts'
import { writeJoinToken } from './join-token.ts'
import {
  addConsumer,
  eventually,
  newToken,
  objectsWith,
  publish,
  seed,
  startTestAgent,
  startTestFleet,
} from './testing.ts'

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-certificates-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Stored {
  readonly certificate: string
  readonly certifiedAtMs: number
}

async function readIdentity(stateDir: string): Promise<Stored> {
  return JSON.parse(await readFile(join(stateDir, 'identity.json'), 'utf8')) as Stored
}

async function readCertificate(stateDir: string): Promise<X509Certificate> {
  return new X509Certificate(Buffer.from((await readIdentity(stateDir)).certificate, 'base64'))
}

test('an agent renews its certificate at two thirds of its life, and goes on with the new one and the same key', () =>
  withFolder(async (stateDir) => {
    await using database = await createTestDatabase()
    await using world = await startTestFleet(database.url, randomBytes(32), { certificateLifeMs: 4_000 })
    const { environmentId, groupId } = await seed(world.db, 'acme')
    const joinToken = await newToken(world, groupId)
    await using agent = startTestAgent({ stateDir, agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'directory', 'directory')
    const first = await readCertificate(stateDir)
    const { certifiedAtMs } = await readIdentity(stateDir)
    await eventually('the renewal', async () => (await readCertificate(stateDir)).serialNumber !== first.serialNumber)
    const lifeMs = first.validToDate.getTime() - certifiedAtMs
    const share = ((await readIdentity(stateDir)).certifiedAtMs - certifiedAtMs) / lifeMs
    assert.ok(share > 0.6 && share < 0.95, `renewed after ${share} of its life`)
    const second = await readCertificate(stateDir)
    assert.ok(second.publicKey.equals(first.publicKey))
    const published = async () => (await listPublishedKeys(world.db, Date.now())).map(({ kid }) => kid)
    assert.deepEqual(await published(), [readKey(first.publicKey).thumbprint])

    // Past the end of the first certificate, which ends the streams that it opened.
    await new Promise((resolve) => setTimeout(resolve, first.validToDate.getTime() + 1_500 - Date.now()))
    assert.equal(agent.events.filter(({ event }) => event === 'identity').length >= 2, true)
    await addConsumer(world, environmentId, 'alice')
    await agent.waitFor((event) => event['sequence'] === 1, 'a change over the new certificate')
    assert.equal(
      agent.events.some(({ state }) => state === 'denied'),
      false,
    )
  }))

test('the key of an agent that enrolled before keys were kept is known once it connects', () =>
  withFolder(async (stateDir) => {
    await using database = await createTestDatabase()
    await using world = await startTestFleet(database.url, randomBytes(32))
    const { groupId } = await seed(world.db, 'acme')
    const start = (joinToken?: string) =>
      startTestAgent({ stateDir, agentName: 'one', ...(joinToken === undefined ? {} : { joinToken }) })
    {
      await using agent = start(await newToken(world, groupId))
      await agent.waitFor(({ event }) => event === 'directory', 'directory')
    }
    await world.db.agentIdentityKey.deleteMany()
    await using agent = start()
    await agent.waitFor(({ state }) => state === 'connected', 'connection')
    const { thumbprint } = readKey((await readCertificate(stateDir)).publicKey)
    await eventually('the key', async () => (await listPublishedKeys(world.db, Date.now())).length === 1)
    assert.equal((await listPublishedKeys(world.db, Date.now()))[0]?.kid, thumbprint)
  }))

test('an agent whose certificate expired while it was away serves on, says what to do, and joins again with a new token', () =>
  withFolder(async (stateDir) => {
    await using database = await createTestDatabase()
    const masterKey = randomBytes(32)
    await using world = await startTestFleet(database.url, masterKey, { certificateLifeMs: 1_500 })
    const seeded = await seed(world.db, 'acme')
    await publish(world, seeded, objectsWith('orders'))
    const joinToken = await newToken(world, seeded.groupId)
    {
      await using agent = startTestAgent({ stateDir, agentName: 'one', joinToken })
      await agent.waitFor(({ event }) => event === 'release', 'release')
      // It is on disk once it is acknowledged.
      assert.equal((await world.fleet.waitForRelease(seeded.environmentId, 1, 5_000)).acked.length, 1)
      await agent.kill()
    }
    const { validToDate } = await readCertificate(stateDir)
    await new Promise((resolve) => setTimeout(resolve, validToDate.getTime() + 500 - Date.now()))
    {
      // The used token is still in the environment of a service: it must not be tried again.
      await using agent = startTestAgent({ stateDir, agentName: 'one', joinToken })
      const denied = await agent.waitFor((event) => event['state'] === 'denied', 'refusal')
      assert.match(String(denied['problem']), /certificate expired at .*; serving goes on .* headgate agents invite/)
      assert.ok(agent.events.some(({ event }) => event === 'release'))
      assert.equal(await world.db.agent.count(), 1)
    }

    await using patient = await startTestFleet(database.url, masterKey)
    const fresh = await newToken(patient, seeded.groupId)
    {
      await using agent = startTestAgent({ stateDir, agentName: 'one', joinToken: fresh })
      await agent.waitFor((event) => event['state'] === 'connected', 'connection')
      assert.deepEqual(
        (await world.db.agent.findMany({ orderBy: { id: 'asc' } })).map(({ name }) => name),
        ['one', 'one-2'],
      )
    }
    // What is on disk belongs to the new key, and the old key is gone.
    assert.equal((await readdir(stateDir)).filter((name) => name.endsWith('.key')).length, 1)
    await using again = startTestAgent({ stateDir, agentName: 'one' })
    const started = await again.waitFor(({ event }) => event === 'started', 'start')
    assert.equal((started['held'] as { releaseNumber: number }[])[0]?.releaseNumber, 1)
  }))

test('identity and key on disk are readable by their owner alone', () =>
  withFolder(async (folder) => {
    await using database = await createTestDatabase()
    await using world = await startTestFleet(database.url, randomBytes(32))
    const { groupId } = await seed(world.db, 'acme')
    const stateDir = join(folder, 'deep', 'state')
    const joinToken = await newToken(world, groupId)
    await using agent = startTestAgent({ stateDir, agentName: 'one', joinToken })
    await agent.waitFor((event) => event['state'] === 'connected', 'connection')
    assert.equal((await stat(stateDir)).mode & 0o777, 0o700)
    for (const name of ['identity.json', ...(await readdir(stateDir)).filter((file) => file.endsWith('.key'))]) {
      assert.equal((await stat(join(stateDir, name))).mode & 0o777, 0o600, name)
    }
  }))

// Somebody between the agent and the control plane has a certificate, and not this one.
test('an agent gives its join secret to nobody but the control plane that its token names', () =>
  withFolder(async (folder) => {
    await using one = await createTestDatabase()
    await using two = await createTestDatabase()
    await using world = await startTestFleet(one.url, randomBytes(32))
    const { groupId } = await seed(world.db, 'acme')
    await using impostor = await startTestFleet(two.url, randomBytes(32))
    // The right authority and secret, at the address of somebody else.
    const right = Buffer.from((await newToken(world, groupId)).slice('hgj_'.length), 'base64url')
    const [pin, secret] = [right.subarray(1, 33), right.subarray(33, 65)]
    const joinToken = writeJoinToken({ address: `127.0.0.1:${impostor.fleet.port}`, pin, secret })
    await using agent = startTestAgent({ stateDir: folder, agentName: 'one', joinToken })
    const denied = await agent.waitFor((event) => event['state'] === 'denied', 'refusal')
    assert.match(String(denied['problem']), /does not belong to the control plane of the join token/)
  }))

import { createTestDatabase } from '@headgate/prisma/testing.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { createContentStore } from './content/store.ts'
import {
  type TestFleet,
  addApiKey,
  addConsumer,
  changeDirectory,
  eventually,
  newToken,
  objectsWith,
  publish,
  revokeApiKey,
  seed,
  startTestAgent,
  startTestFleet,
} from './testing.ts'
import { createContent } from './content/cache.ts'

interface World extends TestFleet {
  readonly databaseUrl: string
  readonly masterKey: Uint8Array
  readonly folder: string
}

async function withWorld(work: (world: World) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-fleet-'))
  try {
    await using database = await createTestDatabase()
    const masterKey = randomBytes(32)
    await using fleet = await startTestFleet(database.url, masterKey)
    await work({ ...fleet, databaseUrl: database.url, masterKey, folder })
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('an agent enrolls with one line, is sent directory and release, and its acks are there to be seen', () =>
  withWorld(async (world) => {
    const { db, fleet, folder } = world
    const seeded = await seed(db, 'acme')
    const consumerId = await addConsumer(world, seeded.environmentId, 'alice')
    const keyId = await addApiKey(world, seeded.environmentId, consumerId)
    const number = await publish(world, seeded, objectsWith('orders'))
    const joinToken = await newToken(world, seeded.groupId)
    await using agent = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'Web 1.example', joinToken })

    const identity = await agent.waitFor(({ event }) => event === 'identity', 'enrollment')
    assert.equal(identity['agentName'], 'web-1-example')
    const directory = await agent.waitFor(({ event }) => event === 'directory', 'directory')
    assert.deepEqual(directory['keys'], { [keyId]: 1 })
    assert.deepEqual(directory['consumers'], ['alice'])
    const release = await agent.waitFor(({ event }) => event === 'release', 'release')
    assert.deepEqual([release['number'], release['routes']], [number, ['orders']])
    // Known callers are never refused in between.
    assert.ok(agent.events.indexOf(directory) < agent.events.indexOf(release))

    const receipt = await fleet.waitForRelease(seeded.environmentId, number, 20_000)
    assert.deepEqual(
      receipt.acked.map(({ name, group }) => [name, group]),
      [['web-1-example', 'acme']],
    )
    assert.deepEqual([receipt.pending, receipt.unreachable, receipt.refused], [[], [], []])
    const row = await db.agent.findFirstOrThrow()
    assert.equal(row.connected, true)
    assert.deepEqual([row.version, row.capability, row.listeners], ['0.0.0-test', 3, ['http://127.0.0.1:8080']])
    assert.equal(row.controlPlaneId, fleet.controlPlaneId)
  }))

test('a join token lets in one agent: the second that comes with it is refused', () =>
  withWorld(async (world) => {
    const { groupId } = await seed(world.db, 'acme')
    const joinToken = await newToken(world, groupId)
    const start = (name: string) => startTestAgent({ stateDir: join(world.folder, name), agentName: name, joinToken })
    await using first = start('first')
    await first.waitFor(({ event }) => event === 'identity', 'enrollment')
    await using second = start('second')
    const refused = await second.waitFor((event) => event['state'] === 'denied', 'refusal')
    assert.match(String(refused['problem']), /already used.*headgate agents invite/)
    assert.equal(await world.db.agent.count(), 1)
  }))

test('a changed key reaches a connected agent as a difference of less than 1 KB', () =>
  withWorld(async (world) => {
    const { db, fleet, folder } = world
    const { environmentId, groupId } = await seed(db, 'acme')
    const consumerId = await addConsumer(world, environmentId, 'alice')
    const keyIds = await Promise.all(Array.from({ length: 50 }, () => addApiKey(world, environmentId, consumerId)))
    const joinToken = await newToken(world, groupId)
    await using agent = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'directory', 'directory')

    const keyId = keyIds[7] ?? ''
    const { sequence } = await revokeApiKey(world, environmentId, keyId)
    const receipt = await fleet.waitForDirectory(environmentId, sequence, 20_000)
    assert.deepEqual(
      receipt.acked.map(({ name }) => name),
      ['one'],
    )
    const applied = await agent.waitFor(({ sequence: has }) => has === Number(sequence), 'delta')
    assert.equal(applied['how'], 'applied')
    assert.equal((applied['keys'] as Record<string, number>)[keyId], 3)
    const delta = await createContent(createContentStore(db)).delta(environmentId, sequence - 1n, sequence)
    assert.ok(delta !== null && delta.body.length < 1024, `${delta?.body.length} bytes`)
  }))

// Measured from the commit to the moment at which the agent refuses the key, in two processes on one machine.
test('a revoked key is refused by a connected agent within a second, and the receipt says so', (t) =>
  withWorld(async (world) => {
    const { environmentId, groupId } = await seed(world.db, 'acme')
    const consumerId = await addConsumer(world, environmentId, 'alice')
    const keyIds: string[] = []
    for (let count = 0; count < 30; count += 1) keyIds.push(await addApiKey(world, environmentId, consumerId))
    const joinToken = await newToken(world, groupId)
    await using agent = startTestAgent({ stateDir: join(world.folder, 'one'), agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'directory', 'directory')
    const applied: number[] = []
    const receipted: number[] = []
    for (const keyId of keyIds) {
      const { sequence, committedAtMs } = await revokeApiKey(world, environmentId, keyId)
      const receipt = await world.fleet.waitForDirectory(environmentId, sequence, 20_000)
      receipted.push(Date.now() - committedAtMs)
      assert.equal(receipt.acked.length, 1)
      const event = await agent.waitFor((found) => found['sequence'] === Number(sequence), 'revocation')
      applied.push(event.at - committedAtMs)
    }
    const rank = (values: number[], share: number) =>
      values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)]
    t.diagnostic(`commit to applied: p50 ${rank(applied, 0.5)} ms, worst ${rank(applied, 1)} ms`)
    t.diagnostic(`commit to receipt: p50 ${rank(receipted, 0.5)} ms, worst ${rank(receipted, 1)} ms`)
    assert.ok((rank(applied, 1) ?? Infinity) < 1_000)
  }))

test('a consumer that was deleted is gone from the agent with its keys', () =>
  withWorld(async (world) => {
    const { environmentId, groupId } = await seed(world.db, 'acme')
    const consumerId = await addConsumer(world, environmentId, 'alice')
    await addApiKey(world, environmentId, consumerId)
    const joinToken = await newToken(world, groupId)
    await using agent = startTestAgent({ stateDir: join(world.folder, 'one'), agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'directory', 'directory')
    const { sequence } = await changeDirectory(world, environmentId, async (tx, at) => {
      await tx.consumer.update({ where: { id: consumerId }, data: { deletedAt: new Date(), sequence: at } })
    })
    const applied = await agent.waitFor((event) => event['sequence'] === Number(sequence), 'deletion')
    assert.deepEqual(applied['consumers'], [])
  }))

test('a revoked agent loses its stream within a second, and is refused when it comes again', () =>
  withWorld(async (world) => {
    const { db, fleet, folder } = world
    const seeded = await seed(db, 'acme')
    await publish(world, seeded, objectsWith('orders'))
    const joinToken = await newToken(world, seeded.groupId)
    await using agent = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'release', 'release')
    const { id } = await db.agent.findFirstOrThrow()
    await db.$transaction(async (tx) => {
      await tx.agent.update({ where: { id }, data: { revokedAt: new Date() } })
      await fleet.notifyAgent(tx, id)
    })
    const revokedAtMs = Date.now()
    const denied = await agent.waitFor((event) => event['state'] === 'denied', 'end of the stream')
    assert.ok(denied.at - revokedAtMs < 4_000, `${denied.at - revokedAtMs} ms`)
    assert.match(String(denied['problem']), /the agent was revoked; serving goes on/)
    assert.deepEqual(fleet.connectedHere(), [])
    await eventually('the row says so', async () => !(await db.agent.findFirstOrThrow()).connected)
    await agent.kill()

    await using again = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'one' })
    const state = await again.waitFor((event) => event['state'] === 'denied', 'refusal')
    assert.match(String(state['problem']), /revoked/)
    // It serves what it knows all the same.
    assert.ok(again.events.some(({ event }) => event === 'release'))
  }))

test('a release that an agent cannot use is refused with reasons, once, and the next one is taken', () =>
  withWorld(async (world) => {
    const { db, fleet, folder } = world
    const seeded = await seed(db, 'acme')
    await publish(world, seeded, objectsWith('orders'))
    const joinToken = await newToken(world, seeded.groupId)
    await using agent = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'release', 'release')

    const broken = [...objectsWith('orders'), { kind: 'quota', name: 'new', spec: {}, origin: '' }]
    const number = await publish(world, seeded, broken)
    const receipt = await fleet.waitForRelease(seeded.environmentId, number, 20_000)
    assert.deepEqual(receipt.acked, [])
    assert.equal(receipt.refused[0]?.name, 'one')
    assert.match(receipt.refused[0]?.reasons.join(' ') ?? '', /quota/)
    const holding = await db.agentHolding.findFirstOrThrow()
    assert.deepEqual([holding.releaseNumber, holding.refusedNumber], [1, number])
    // A change of the directory is answered meanwhile, keeps the reasons, and does not bring the release again.
    await addConsumer(world, seeded.environmentId, 'alice')
    const later = await fleet.waitForDirectory(seeded.environmentId, 1n, 20_000)
    assert.equal(later.acked.length, 1)
    assert.match((await db.agentHolding.findFirstOrThrow()).refusedReasons.join(' '), /quota/)
    assert.equal(agent.log().split('refused').length <= 2, true)

    const next = await publish(world, seeded, objectsWith('billing'))
    const taken = await fleet.waitForRelease(seeded.environmentId, next, 20_000)
    assert.deepEqual(
      taken.acked.map(({ name }) => name),
      ['one'],
    )
    const cleared = await db.agentHolding.findFirstOrThrow()
    assert.deepEqual([cleared.releaseNumber, cleared.refusedNumber, cleared.refusedReasons], [next, null, []])
  }))

test('an agent serves from disk without a control plane, and goes on with a difference when it is back', () =>
  withWorld(async (world) => {
    const { db, folder, databaseUrl, masterKey } = world
    const seeded = await seed(db, 'acme')
    const { environmentId } = seeded
    const consumerId = await addConsumer(world, environmentId, 'alice')
    const first = await startTestFleet(databaseUrl, masterKey)
    const joinToken = await newToken(first, seeded.groupId)
    await publish(world, seeded, objectsWith('orders'))
    const stateDir = join(folder, 'one')
    {
      await using agent = startTestAgent({ stateDir, agentName: 'one', joinToken })
      await agent.waitFor(({ event }) => event === 'release', 'release')
      await addApiKey(world, environmentId, consumerId)
      await agent.waitFor((event) => event['sequence'] === 2, 'delta')
      await first[Symbol.asyncDispose]()
      await agent.waitFor((event) => event['state'] === 'connecting', 'loss of the control plane')
      await agent.kill()
    }

    await using restarted = startTestAgent({ stateDir, agentName: 'one' })
    const started = await restarted.waitFor(({ event }) => event === 'started', 'start')
    assert.deepEqual(started['held'], [{ environmentId, releaseNumber: 1, directorySequence: 2 }])
    await addApiKey(world, environmentId, consumerId)
    const port = first.fleet.port
    await using _second = await startTestFleet(databaseUrl, masterKey, { listen: `127.0.0.1:${port}` })
    const resumed = await restarted.waitFor((event) => event['sequence'] === 3, 'resumption')
    assert.equal(resumed['how'], 'applied')
    assert.equal(restarted.events.filter(({ event }) => event === 'release').length, 1, 'the release is not sent again')
  }))

test('an agent of a group that serves one environment less drops it, and is sent one that it serves more', () =>
  withWorld(async (world) => {
    const { db, fleet, folder } = world
    const one = await seed(db, 'one')
    const two = await seed(db, 'two')
    await publish(world, one, objectsWith('orders'))
    await publish(world, two, objectsWith('billing'))
    const joinToken = await newToken(world, one.groupId)
    await using agent = startTestAgent({ stateDir: join(folder, 'a'), agentName: 'a', joinToken })
    await agent.waitFor((event) => event.event === 'release' && event['environmentId'] === one.environmentId, 'first')
    await db.$transaction(async (tx) => {
      await tx.agentGroupEnvironment.deleteMany({ where: { groupId: one.groupId } })
      await tx.agentGroupEnvironment.create({ data: { groupId: one.groupId, environmentId: two.environmentId } })
      await fleet.notifyAssignment(tx, one.groupId)
    })
    await agent.waitFor(
      ({ event, environmentId }) => event === 'removed' && environmentId === one.environmentId,
      'drop',
    )
    await agent.waitFor((event) => event.event === 'release' && event['environmentId'] === two.environmentId, 'second')
    await eventually('the holding is gone', async () => (await db.agentHolding.count()) === 1)
    await eventually('the file is gone', async () => {
      const names = await readdir(join(folder, 'a', 'environments'))
      return names.every((name) => name.startsWith(two.environmentId))
    })
  }))

test('without a notice a change still reaches the agents, by the poll', () =>
  withWorld(async (world) => {
    const { db, folder } = world
    const { environmentId, groupId } = await seed(db, 'acme')
    const joinToken = await newToken(world, groupId)
    await using agent = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'directory', 'directory')
    const silent = { ...world.fleet, notifyDirectory: async () => {} }
    await changeDirectory({ db, fleet: silent }, environmentId, async (tx, sequence) => {
      await tx.consumer.create({ data: { id: 'cns_1', environmentId, name: 'bob', sequence } })
    })
    const committedAtMs = Date.now()
    const applied = await agent.waitFor((event) => event['sequence'] === 1, 'change')
    assert.ok(applied.at - committedAtMs < 20_000)
  }))

test('an agent that holds a release that does not exist here is told of in the log and sent none', () =>
  withWorld(async (world) => {
    const { db, folder } = world
    const seeded = await seed(db, 'acme')
    await publish(world, seeded, objectsWith('orders'))
    await publish(world, seeded, objectsWith('orders'))
    const joinToken = await newToken(world, seeded.groupId)
    const stateDir = join(folder, 'one')
    {
      await using agent = startTestAgent({ stateDir, agentName: 'one', joinToken })
      await agent.waitFor(({ event, number }) => event === 'release' && number === 2, 'release')
    }
    // As after the restore of a backup. The trigger protects releases, not the number of the live one.
    await db.environment.update({ where: { id: seeded.environmentId }, data: { releaseNumber: 1 } })
    await using again = startTestAgent({ stateDir, agentName: 'one' })
    await again.waitFor((event) => event['state'] === 'connected', 'connection')
    await eventually('the holding', async () => (await db.agentHolding.findFirst())?.releaseNumber === 2)
    assert.equal(again.events.filter(({ event }) => event === 'release').length, 1, 'from disk alone')
  }))

test('no table and no file that can be copied holds a private key or a join secret in clear', () =>
  withWorld(async (world) => {
    const { db, folder, keys, databaseUrl } = world
    const seeded = await seed(db, 'acme')
    await publish(world, seeded, objectsWith('orders'))
    const joinToken = await newToken(world, seeded.groupId)
    await using agent = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'one', joinToken })
    await agent.waitFor(({ event }) => event === 'release', 'release')
    const secrets = [
      keys.agentAuthority.privateKey,
      keys.linkServer.privateKey,
      Buffer.from(joinToken.slice(4), 'base64url').subarray(33, 65),
      world.masterKey,
    ]
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    const { rows: tables } = await client.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
    )
    let dump = ''
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from "${name}" t`)
      dump += rows.map(({ row }) => row).join('\n')
    }
    await client.end()
    const state = await Promise.all(
      (await readdir(join(folder, 'one'), { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(async (entry) => ({ name: entry.name, content: await readFile(join(entry.parentPath, entry.name)) })),
    )
    const key = state.find(({ name }) => name.endsWith('.key'))?.content.toString() ?? ''
    const own = Buffer.from(key.split('\n').slice(1, -2).join(''), 'base64')
    assert.ok(own.length > 100)
    // 32 bytes from the middle of each: the head of a PKCS #8 key is the same in all of them.
    for (const secret of [...secrets, own].map((bytes) =>
      Buffer.from(bytes.subarray(-100, -66).length ? bytes.subarray(-100, -66) : bytes),
    )) {
      for (const form of [secret.toString('hex'), secret.toString('base64'), secret.toString('base64url')]) {
        const part = form.slice(2, 40)
        assert.equal(dump.includes(part), false)
        for (const { name, content } of state) {
          if (name.endsWith('.key') && secret.equals(own.subarray(-100, -66))) continue
          assert.equal(content.includes(part) || content.includes(secret), false, name)
        }
        assert.equal(agent.log().includes(part), false)
      }
    }
  }))

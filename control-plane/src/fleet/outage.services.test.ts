import { status } from '@grpc/grpc-js'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import {
  addConsumer,
  changeDirectory,
  enrollDirectly,
  eventually,
  newToken,
  objectsWith,
  publish,
  revokeApiKey,
  addApiKey,
  seed,
  startTestAgent,
  startTestFleet,
} from './testing.ts'

/** A way to Postgres that can be cut, or go silent. */
async function startDatabaseLink(url: string) {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'silent' = 'open'
  const server = createServer((client) => {
    if (state === 'cut') return void client.destroy()
    const upstream = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (data) => to.write(data))
      if (state === 'silent') from.pause()
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const through = new URL(url)
  through.host = `127.0.0.1:${port}`
  return {
    url: through.href,
    set: (next: typeof state) => {
      state = next
      // Nothing is lost while it is silent: a frozen server answers when it thaws.
      for (const socket of sockets) {
        if (next === 'cut') socket.destroy()
        else if (next === 'silent') socket.pause()
        else socket.resume()
      }
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-outage-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

for (const [how, state] of [
  ['is gone', 'cut'],
  ['is frozen', 'silent'],
] as const) {
  test(`while Postgres ${how} streams stay up, and 5 seconds after it is back agents have everything`, () =>
    withFolder(async (folder) => {
      await using database = await createTestDatabase()
      await using link = await startDatabaseLink(database.url)
      const masterKey = randomBytes(32)
      await using world = await startTestFleet(link.url, masterKey)
      const seeded = await seed(world.db, 'acme')
      const consumerId = await addConsumer(world, seeded.environmentId, 'alice')
      const keyId = await addApiKey(world, seeded.environmentId, consumerId)
      await publish(world, seeded, objectsWith('orders'))
      const joinToken = await newToken(world, seeded.groupId)
      await using agent = startTestAgent({ stateDir: join(folder, 'one'), agentName: 'one', joinToken })
      await agent.waitFor(({ event }) => event === 'release', 'release')

      link.set(state)
      // Another control plane, which still has its database, changes things: nobody here hears the notices.
      await using other = await startTestFleet(database.url, masterKey)
      const token = await newToken(other, seeded.groupId)
      if (state === 'cut') await assert.rejects(enrollDirectly(world, token), { code: status.UNAVAILABLE })
      const { sequence } = await revokeApiKey(other, seeded.environmentId, keyId)
      await publish(other, seeded, objectsWith('billing'))
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      assert.deepEqual(world.fleet.connectedHere().length, 1)
      assert.equal(agent.events.filter(({ event }) => event === 'status').at(-1)?.['state'], 'connected')

      const healedAtMs = Date.now()
      link.set('open')
      const revoked = await agent.waitFor((event) => event['sequence'] === Number(sequence), 'revocation')
      const release = await agent.waitFor(({ event, number }) => event === 'release' && number === 2, 'release')
      assert.ok(Math.max(revoked.at, release.at) - healedAtMs < 15_000, `${release.at - healedAtMs} ms`)
      // What it acknowledged is written down, too.
      const receipt = await other.fleet.waitForRelease(seeded.environmentId, 2, 10_000)
      assert.deepEqual(
        receipt.acked.map(({ name }) => name),
        ['one'],
      )
    }))
}

test('a change at one control plane reaches agents at another, and the receipt comes back', () =>
  withFolder(async (folder) => {
    await using database = await createTestDatabase()
    const masterKey = randomBytes(32)
    await using one = await startTestFleet(database.url, masterKey)
    await using two = await startTestFleet(database.url, masterKey)
    const { environmentId, groupId } = await seed(one.db, 'acme')
    await using agent = startTestAgent({
      stateDir: join(folder, 'a'),
      agentName: 'a',
      joinToken: await newToken(two, groupId),
    })
    await agent.waitFor(({ event }) => event === 'directory', 'directory')
    assert.deepEqual([one.fleet.connectedHere().length, two.fleet.connectedHere().length], [0, 1])
    const startedAtMs = Date.now()
    const { sequence } = await changeDirectory(one, environmentId, async (tx, at) => {
      await tx.consumer.create({ data: { id: 'cns_1', environmentId, name: 'bob', sequence: at } })
    })
    const receipt = await one.fleet.waitForDirectory(environmentId, sequence, 20_000)
    assert.deepEqual(
      receipt.acked.map(({ name }) => name),
      ['a'],
    )
    assert.ok(Date.now() - startedAtMs < 4_000)
    const { id } = await one.db.agent.findFirstOrThrow()
    await one.db.$transaction(async (tx) => {
      await tx.agent.update({ where: { id }, data: { revokedAt: new Date() } })
      await one.fleet.notifyAgent(tx, id)
    })
    const tookMs = await eventually('the stream ends', () => two.fleet.connectedHere().length === 0)
    assert.ok(tookMs < 4_000, `${tookMs} ms`)
    const after = await one.fleet.waitForDirectory(environmentId, sequence, 1_000)
    assert.deepEqual(after, { acked: [], pending: [], unreachable: [] }, 'a revoked agent owes nothing')
  }))

test('agents that are away are named as unreachable at once, and are not waited for', () =>
  withFolder(async (folder) => {
    await using database = await createTestDatabase()
    await using world = await startTestFleet(database.url, randomBytes(32))
    const seeded = await seed(world.db, 'acme')
    const joinToken = await newToken(world, seeded.groupId)
    {
      await using agent = startTestAgent({ stateDir: join(folder, 'a'), agentName: 'a', joinToken })
      await agent.waitFor(({ event }) => event === 'directory', 'directory')
    }
    await eventually('the stream ends', async () => !(await world.db.agent.findFirstOrThrow()).connected)
    const number = await publish(world, seeded, objectsWith('orders'))
    const startedAtMs = Date.now()
    const receipt = await world.fleet.waitForRelease(seeded.environmentId, number, 10_000)
    assert.deepEqual(
      receipt.unreachable.map(({ name }) => name),
      ['a'],
    )
    assert.ok(Date.now() - startedAtMs < 4_000)
  }))

// A control plane that was killed cannot say that its streams are gone.
test('rows of streams whose control plane died are repaired by any other', async () => {
  await using database = await createTestDatabase()
  const masterKey = randomBytes(32)
  await using world = await startTestFleet(database.url, masterKey)
  const { groupId } = await seed(world.db, 'acme')
  const agent = await enrollDirectly(world, await newToken(world, groupId))
  const seenAt = new Date(Date.now() - 31_000)
  await world.db.agent.update({
    where: { id: agent.agentId },
    data: { connected: true, controlPlaneId: 'cpl_dead', seenAt },
  })
  await eventually('the repair', async () => !(await world.db.agent.findFirstOrThrow()).connected)
})

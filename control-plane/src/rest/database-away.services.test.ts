/**
 * Postgres goes away and comes back, behind a proxy that the test cuts and freezes.
 */
import { type Problem, operations } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { after, before } from 'node:test'
import { type World, createWorld, operationIds, rawCall, validCalls } from '#control-plane/fakes/calls.ts'
import { type TestControlPlane, pathOf, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { type TcpProxy, startTcpProxy } from '#control-plane/fakes/tcp-proxy.ts'

let proxy: TcpProxy
let controlPlane: TestControlPlane
let world: World

before(async () => {
  const server = new URL(process.env['TEST_DATABASE_URL'] ?? '')
  proxy = await startTcpProxy(server.hostname, Number(server.port))
  controlPlane = await startControlPlane({
    databaseUrl: (url) => {
      const through = new URL(url)
      through.hostname = '127.0.0.1'
      through.port = String(proxy.port)
      return through.href
    },
  })
  world = await createWorld(controlPlane)
})
after(async () => {
  proxy.heal()
  await controlPlane[Symbol.asyncDispose]()
  await proxy[Symbol.asyncDispose]()
})

async function untilReady(): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if ((await controlPlane.send({ method: 'GET', path: '/readyz' })).status === 200) return
    await sleep(100)
  }
  throw new Error('it did not become ready again')
}

test('503 of every operation while Postgres cannot be reached, and none of them waits for long', async () => {
  const calls = []
  for (const id of operationIds) calls.push({ id, raw: rawCall(id, await validCalls[id](world)) })
  proxy.cut()
  try {
    for (const { id, raw } of calls) {
      const started = performance.now()
      const answer = await controlPlane.send(raw, controlPlane.owner.token)
      const tookMs = performance.now() - started
      assert.equal(answer.status, 503, `${id}: ${answer.text}`)
      assert.equal((answer.json as Problem).code, 'database_unavailable', id)
      assert.ok(Number(answer.headers['retry-after']) > 0)
      assert.doesNotMatch(answer.text, /127\.0\.0\.1|prisma|ECONN/i, id)
      assert.ok(tookMs < 10_000, `${id} took ${tookMs} ms`)
    }
    const ready = await controlPlane.send({ method: 'GET', path: '/readyz' })
    assert.deepEqual([ready.status, ready.text], [503, 'the database cannot be reached\n'])
    assert.equal((await controlPlane.send({ method: 'GET', path: '/livez' })).status, 200)
  } finally {
    proxy.heal()
  }
  await untilReady()
  for (const { id, raw } of calls) {
    const answer = await controlPlane.send(raw, controlPlane.owner.token)
    assert.ok(answer.status < 500, `${id} after the outage: ${answer.text}`)
  }
})

test('503 within the bound of a statement when Postgres is frozen', async () => {
  // A connection is there and idle: the statement itself has to be given up.
  await controlPlane.owner.client.call('listTenants')
  proxy.freeze()
  try {
    const started = performance.now()
    const answer = await controlPlane.send({ method: 'GET', path: '/v1/tenants' }, controlPlane.owner.token)
    assert.equal(answer.status, 503, answer.text)
    assert.ok(performance.now() - started < 30_000)
  } finally {
    proxy.heal()
  }
  await untilReady()
})

// Guards against a write that is reported as failed and done all the same in half, or reported as done and lost.
test('what was answered with success during an outage is there afterwards', async () => {
  const { client } = controlPlane.owner
  const acknowledged: string[] = []
  const write = async (index: number): Promise<void> => {
    await sleep(index * 10)
    const name = `outage-${index}`
    const answer = await controlPlane.send(
      { method: 'POST', path: pathOf(operations.createConsumer.path, world.place), body: JSON.stringify({ name }) },
      controlPlane.owner.token,
    )
    if (answer.status === 201) acknowledged.push(name)
    else assert.equal(answer.status, 503, answer.text)
  }
  const writes = Promise.all(Array.from({ length: 40 }, (_, index) => write(index)))
  await sleep(150)
  proxy.cut()
  await sleep(150)
  proxy.heal()
  await writes
  await untilReady()
  const stored = new Set<string>()
  let cursor: string | undefined
  do {
    const page = await client.call('listConsumers', {
      params: world.place,
      query: { limit: 200, ...(cursor === undefined ? {} : { cursor }) },
    })
    for (const { name } of page.data) stored.add(name)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  for (const name of acknowledged) assert.ok(stored.has(name), `${name} was acknowledged and lost`)
  assert.ok(acknowledged.length > 0)
  const entries = await controlPlane.app.db.auditEntry.findMany({
    where: { action: 'consumer.create', targetName: { startsWith: 'outage-' } },
  })
  const written = [...stored].filter((name) => name.startsWith('outage-'))
  assert.deepEqual(entries.map(({ targetName }) => targetName).toSorted(), written.toSorted())
})

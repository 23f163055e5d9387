import { formatApiKey } from '@headgate/core'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type Seeded,
  type TestFleet,
  addApiKey,
  addConsumer,
  changeDirectory,
  eventually,
  newToken,
  objectsWith,
  publish,
  seed,
  startTestFleet,
} from '#control-plane/fleet/testing.ts'
import { hashKey } from '#control-plane/resources/keys/create.ts'

const AGENT = fileURLToPath(new URL('../../../agent/src/main.ts', import.meta.url))

type Answer = { readonly status: number; readonly requestId: string }

interface World {
  readonly world: TestFleet
  readonly seeded: Seeded
  /** Asks the agent for `/orders`. */
  ask(key?: string): Promise<Answer>
}

async function withAgent(work: (world: World) => Promise<void>): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'headgate-telemetry-'))
  await using database = await createTestDatabase()
  await using world = await startTestFleet(database.url, randomBytes(32))
  const seeded = await seed(world.db, 'acme')
  await publish(world, seeded, objectsWith('orders'))
  const env = {
    PATH: process.env['PATH'],
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
    HEADGATE_STATE_DIR: stateDir,
    HEADGATE_JOIN_TOKEN: await newToken(world, seeded.groupId),
    HEADGATE_AGENT_NAME: 'real',
    HEADGATE_HTTP_LISTEN: '127.0.0.1:0',
    HEADGATE_HTTPS_LISTEN: 'off',
    HEADGATE_LOGS_INTERVAL_MS: '50',
    HEADGATE_METRICS_INTERVAL_MS: '50',
  }
  const child = spawn(process.execPath, [AGENT], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  try {
    let url = ''
    createInterface(child.stderr).on('line', (line) => {
      const { msg, http } = JSON.parse(line) as { msg?: string; http?: string }
      if (msg === 'listening' && http !== undefined) url = http
    })
    await eventually('the agent listens', () => url !== '')
    await eventually('the release is live', async () => {
      const receipt = await world.fleet.waitForRelease(seeded.environmentId, 1, 100)
      return receipt.acked.length === 1
    })
    await work({ world, seeded, ask: (key) => ask(url, key) })
  } finally {
    child.kill('SIGTERM')
    await exited
    await rm(stateDir, { recursive: true })
  }
}

async function ask(url: string, key: string | undefined): Promise<Answer> {
  const headers = { host: 'api.example.com', ...(key === undefined ? {} : { 'x-api-key': key }) }
  const [response] = (await once(get(`${url}/orders`, { headers }), 'response')) as [
    import('node:http').IncomingMessage,
  ]
  response.resume()
  return { status: response.statusCode ?? 0, requestId: String(response.headers['x-request-id']) }
}

// The names of attributes are written down on both sides: this is what holds them together.
test('what a real agent refuses can be found by its request id, and is counted in its minute', () =>
  withAgent(async ({ world, seeded, ask }) => {
    const refused = await ask()
    assert.equal(refused.status, 401)
    await eventually('the record', async () => (await world.db.decisionRecord.count()) === 1)
    const row = await world.db.decisionRecord.findUniqueOrThrow({ where: { requestId: refused.requestId } })
    const { at, receivedAt, durationMs, record, agentId, ...rest } = row
    assert.deepEqual(rest, {
      requestId: refused.requestId,
      environmentId: seeded.environmentId,
      allowed: false,
      reason: 'credential_missing',
      status: 401,
      method: 'GET',
      host: 'api.example.com',
      path: '/orders',
      route: 'orders',
      service: 'orders',
      consumer: null,
      releaseNumber: 1,
    })
    assert.ok(Math.abs(receivedAt.getTime() - at.getTime()) < 10_000 && durationMs > 0)
    assert.deepEqual((await world.db.agent.findFirstOrThrow()).id, agentId)
    assert.equal((record as Record<string, unknown>)['agent'], 'real')

    await eventually('the minute', async () => (await world.db.requestMetric.count()) === 1)
    const minute = await world.db.requestMetric.findFirstOrThrow()
    assert.deepEqual(
      [minute.route, minute.reason, minute.statusClass, minute.requests],
      ['orders', 'credential_missing', 4, 1n],
    )
    assert.ok(minute.durationMsSum > 0 && minute.durationMsSum < 5_000)
  }))

test('a key that a real agent sees in use says so, and a decoy that is presented to it is reported', () =>
  withAgent(async ({ world, seeded: { environmentId }, ask }) => {
    const consumerId = await addConsumer(world, environmentId, 'alice')
    const [used, bait] = [formatApiKey('production', 'u'.repeat(30)), formatApiKey('production', 'b'.repeat(30))]
    const make = async (text: string, decoy: boolean) => {
      const id = await addApiKey(world, environmentId, consumerId)
      const change = await changeDirectory(world, environmentId, async (tx, sequence) => {
        await tx.apiKey.update({ where: { id }, data: { sha256: hashKey(text), decoy, sequence } })
      })
      return { id, sequence: change.sequence }
    }
    const [key, decoy] = [await make(used, false), await make(bait, true)]
    await eventually('the keys are known', async () => {
      const receipt = await world.fleet.waitForDirectory(environmentId, decoy.sequence, 100)
      return receipt.acked.length === 1
    })
    const before = Date.now()
    // Whether anybody listens behind the agent does not matter: the key is in use.
    assert.notEqual((await ask(used)).status, 401)
    const refused = await ask(bait)
    assert.equal(refused.status, 401)
    const row = () => world.db.apiKey.findUniqueOrThrow({ where: { id: key.id } })
    await eventually('the use', async () => (await row()).lastUsedAt !== null)
    const { lastUsedAt, lastUsedAgent, lastUsedAddress } = await row()
    assert.deepEqual([lastUsedAgent, lastUsedAddress], ['real', '127.0.0.1'])
    assert.ok(lastUsedAt !== null && lastUsedAt.getTime() >= before - 1_000)
    await eventually('the event', async () => (await world.db.securityEvent.count()) === 1)
    const event = await world.db.securityEvent.findFirstOrThrow()
    assert.deepEqual(
      [event.kind, event.credentialId, event.consumer, event.agent, event.address, event.requestId],
      ['decoy_used', decoy.id, 'alice', 'real', '127.0.0.1', refused.requestId],
    )
  }))

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
import { eventually, newToken, objectsWith, publish, seed, startTestFleet } from '#control-plane/fleet/testing.ts'

const AGENT = fileURLToPath(new URL('../../../agent/src/main.ts', import.meta.url))

async function ask(url: string, host: string): Promise<{ status: number; requestId: string }> {
  const [response] = (await once(get(`${url}/orders`, { headers: { host } }), 'response')) as [
    import('node:http').IncomingMessage,
  ]
  response.resume()
  return { status: response.statusCode ?? 0, requestId: String(response.headers['x-request-id']) }
}

// The names of attributes are written down on both sides: this is what holds them together.
test('what a real agent refuses can be found by its request id, and is counted in its minute', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'headgate-telemetry-'))
  await using database = await createTestDatabase()
  await using world = await startTestFleet(database.url, randomBytes(32))
  const seeded = await seed(world.db, 'acme')
  await publish(world, seeded, objectsWith('orders'))
  const env = {
    PATH: process.env['PATH'],
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

    const refused = await ask(url, 'api.example.com')
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
  } finally {
    child.kill('SIGTERM')
    await exited
    await rm(stateDir, { recursive: true })
  }
})

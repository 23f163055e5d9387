/**
 * Quotas that outlive an agent.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type Clock, systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { keepQuotas, loadQuotas, QUOTA_FILE } from './quota-file.ts'
import { type QuotaMemory, QuotaTable } from './quota-table.ts'

const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'
const QUOTA = { amount: 10, unit: 'requests', calendar: { period: 'month', zone: 'UTC' } } as const

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'headgate-quotas-'))
  t.after(async () => await rm(made, { recursive: true }))
  return made
}

function options(stateDir: string, clock: Clock = systemClock) {
  let logged = ''
  const log = createLog({ name: 'agent', level: 'info', destination: { write: (line) => void (logged += line) } })
  return { stateDir, clock, log, logged: () => logged }
}

/** Uses so much of the quota of each key. */
function use(memory: QuotaMemory, keys: number, units: number, nowMs = Date.now()): void {
  const table = new QuotaTable(memory)
  const beginning = table.beginning('env_1 a ')
  for (let key = 0; key < keys; key++) {
    const at = table.find(beginning, `${key}`, nowMs, [], 0)
    assert.equal(table.take(at, table.tag, nowMs, QUOTA, units)?.allowed, true)
  }
}

/** What is left of the quota of a key. */
function left(memory: QuotaMemory, key: number, nowMs = Date.now()): number {
  const table = new QuotaTable(memory)
  const at = table.peek(table.beginning('env_1 a '), `${key}`)
  return table.state(at, nowMs, QUOTA, 1).remaining
}

async function kept(stateDir: string, keys: number, units: number): Promise<void> {
  const memory = await loadQuotas(1_000, options(stateDir))
  await using _keeping = keepQuotas(memory, options(stateDir))
  use(memory, keys, units)
}

test('an agent that starts again counts on where it was', async (t) => {
  await using service = await startService()
  const spec = { type: 'limit', on: { environment: true }, algorithm: 'quota', requests: 3, period: 'month' }
  const objects = [...openRelease(service.url), { kind: 'policy', name: 'monthly', spec }]
  const settings = { stateDir: await folder(t) }
  const identityKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    format: 'der',
    type: 'pkcs8',
  })
  const statuses: number[] = []
  for (let start = 0; start < 2; start++) {
    await using agent = await startAgent({ objects, settings, identityKey })
    for (let time = 0; time < 2; time++) statuses.push((await sendRaw(agent.http, GET)).status)
  }
  assert.deepEqual(statuses, [200, 200, 200, 429])
})

test('all counters are found again, in a table of another size too', async (t) => {
  const stateDir = await folder(t)
  await kept(stateDir, 500, 4)
  for (const keysMax of [1_000, 7_777]) {
    const memory = await loadQuotas(keysMax, options(stateDir))
    for (let key = 0; key < 500; key++) assert.equal(left(memory, key), 6)
    assert.equal(left(memory, 500), 10)
  }
})

test('a period that is over is not found again', async (t) => {
  const stateDir = await folder(t)
  await kept(stateDir, 5, 4)
  const laterMs = Date.now() + 40 * 86_400_000
  const memory = await loadQuotas(1_000, options(stateDir, { ...systemClock, now: () => laterMs }))
  assert.equal(new QuotaTable(memory).inUse(Date.now(), 0, new QuotaTable(memory).counters), 0)
  assert.equal(left(memory, 0, laterMs), 10)
})

test('who has no quotas has no file', async (t) => {
  const stateDir = await folder(t)
  await kept(stateDir, 0, 0)
  assert.equal(existsSync(join(stateDir, QUOTA_FILE)), false)
})

for (const [damage, change] of [
  ['one bit is changed', (content: Buffer) => content.fill((content[40] ?? 0) ^ 1, 40, 41)],
  ['it ends early', (content: Buffer) => content.subarray(0, -16)],
  ['it is empty', () => Buffer.alloc(0)],
  ['it is of something else', () => Buffer.alloc(4_096, 'x')],
] as const) {
  test(`a file is set aside, and said so, when ${damage}`, async (t) => {
    const stateDir = await folder(t)
    await kept(stateDir, 5, 4)
    const path = join(stateDir, QUOTA_FILE)
    await writeFile(path, change(await readFile(path)))
    const again = options(stateDir)
    const memory = await loadQuotas(1_000, again)
    assert.equal(left(memory, 0), 10)
    assert.match(again.logged(), /the file of quotas is damaged/)
    assert.deepEqual([existsSync(path), existsSync(`${path}.damaged`)], [false, true])
  })
}

test('a folder that cannot be written is said once, and quotas are counted all the same', async () => {
  const failing = options('/dev/null/quotas')
  const memory = await loadQuotas(1_000, failing)
  const keeping = keepQuotas(memory, failing)
  use(memory, 1, 4)
  await keeping[Symbol.asyncDispose]()
  assert.equal(left(memory, 0), 6)
  assert.match(failing.logged(), /what was used of quotas cannot be written/)
})

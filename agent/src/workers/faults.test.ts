/**
 * Serving threads that fail, and that are put in each other's place.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BroadcastChannel } from 'node:worker_threads'
import { openRelease, setRelease } from '#agent/testing/agent.ts'
import type { Fault } from '#agent/testing/faulty-thread.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { startThreads, type ThreadedAgent } from '#agent/testing/threads.ts'

const FAULTY = new URL('../testing/faulty-thread.ts', import.meta.url)
const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'

/**
 * Longest time until a thread is replaced, in milliseconds. A built agent takes a fifth of a second; sources have their
 * types stripped for each thread.
 */
const REPLACED_MS = 5_000

interface State {
  readonly workers: readonly { readonly worker: number; readonly state: string; readonly up_ms: number }[]
}

async function serving(agent: ThreadedAgent): Promise<readonly number[]> {
  const state = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as State
  return state.workers.filter((each) => each.state === 'serving').map(({ up_ms: upMs }) => upMs)
}

async function inTime(longestMs: number, what: () => Promise<boolean>): Promise<number> {
  const started = performance.now()
  while (!(await what())) {
    assert.ok(performance.now() - started < longestMs, 'it took too long')
    await sleep(10)
  }
  return performance.now() - started
}

function fail(fault: Fault): void {
  const channel = new BroadcastChannel('faults')
  channel.postMessage(fault)
  channel.close()
}

test('a thread that throws, rejects or exits loses what it had in flight and nothing else, and is replaced', async () => {
  await using service = await startService((_, socket) => {
    setTimeout(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'), 400)
    return null
  })
  await using agent = await startThreads({ workers: 2 }, FAULTY)
  setRelease(agent.app.live, openRelease(service.url))
  await agent.app.live.settled()
  for (const [index, what] of (['throw', 'reject', 'exit'] as const).entries()) {
    const before = service.arrived.length
    const asked = Array.from({ length: 24 }, async () => (await sendRaw(agent.http, GET)).status)
    await inTime(3_000, async () => service.arrived.length === before + 24)
    fail({ worker: 1 + (index % 2), what })
    const answers = await Promise.allSettled(asked)
    const lost = answers.filter(({ status }) => status === 'rejected').length
    assert.ok(lost > 0 && lost < 24, `${what}: ${lost}`)
    for (const answer of answers) if (answer.status === 'fulfilled') assert.equal(answer.value, 200)
    await inTime(REPLACED_MS, async () => (await serving(agent)).length === 2)
    assert.equal((await sendRaw(agent.http, GET)).status, 200)
  }
  assert.match(agent.logged(), /"why":"a bug outside of a request".*a serving thread ended: replacing it/)
})

test('a thread whose event loop is blocked is noticed after 2 s and replaced, and a release waits until then', async () => {
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 }, FAULTY)
  fail({ worker: 2, what: 'block' })
  await sleep(50)
  setRelease(agent.app.live, openRelease(service.url))
  await agent.app.live.settled()
  assert.match(agent.logged(), /its event loop was blocked for 2 s/)
  for (let index = 0; index < 10; index++) assert.equal((await sendRaw(agent.http, GET)).status, 200)
  await inTime(REPLACED_MS, async () => (await serving(agent)).length === 2)
})

test('a place that fails again and again is filled more and more slowly', async () => {
  await using agent = await startThreads({ workers: 1 }, FAULTY)
  for (let time = 0; time < 3; time++) {
    await inTime(REPLACED_MS, async () => (await serving(agent)).length === 1)
    const before = agent.logged().length
    fail({ worker: 1, what: 'exit' })
    await inTime(REPLACED_MS, async () => agent.logged().slice(before).includes('replacing it'))
  }
  const pauses = Array.from(agent.logged().matchAll(/"pause_ms":(\d+)/g), ([, pause]) => Number(pause))
  assert.deepEqual(pauses, [0, 250, 500])
})

test('all threads are replaced one after the other, and no request fails', async () => {
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  setRelease(agent.app.live, openRelease(service.url))
  await agent.app.live.settled()
  let going = true
  let sent = 0
  const statuses = new Set<number>()
  const callers = Array.from({ length: 4 }, async () => {
    while (going) {
      statuses.add((await sendRaw(agent.http, GET)).status)
      sent += 1
    }
  })
  const started = performance.now()
  await agent.app.restart()
  const upMs = await serving(agent)
  going = false
  await Promise.all(callers)
  assert.deepEqual([...statuses], [200])
  assert.ok(sent > 50, `${sent}`)
  assert.equal(upMs.length, 2)
  for (const each of upMs) assert.ok(each <= performance.now() - started)
})

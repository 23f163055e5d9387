/**
 * Serving threads that fail, and that are put in each other's place.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
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

/** Longest wait for whatever has to happen here, in milliseconds: far more than it takes on a busy machine. */
const PATIENCE_MS = 45_000

interface State {
  readonly workers: readonly { readonly worker: number; readonly state: string; readonly up_ms: number }[]
}

async function serving(agent: ThreadedAgent): Promise<readonly number[]> {
  const state = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as State
  return state.workers.filter((each) => each.state === 'serving').map(({ up_ms: upMs }) => upMs)
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const started = performance.now()
  while (!(await what())) {
    assert.ok(performance.now() - started < PATIENCE_MS, 'it took too long')
    await sleep(10)
  }
}

function fail(fault: Fault): void {
  const channel = new BroadcastChannel('faults')
  channel.postMessage(fault)
  channel.close()
}

test('a thread that throws, rejects or exits loses what it had in flight and nothing else, and is replaced', async () => {
  const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
  // While it is set, nothing is answered: all are in flight when a thread fails.
  let held: Socket[] | null = null
  await using service = await startService((_, socket) => {
    if (held === null) return OK
    held.push(socket)
    return null
  })
  await using agent = await startThreads({ workers: 2 }, FAULTY)
  setRelease(agent.app.live, openRelease(service.url))
  await agent.app.live.settled()
  for (const [index, what] of (['throw', 'reject', 'exit'] as const).entries()) {
    const waiting: Socket[] = []
    held = waiting
    const asked = Array.from({ length: 24 }, async () => (await sendRaw(agent.http, GET)).status)
    const answering = Promise.allSettled(asked)
    await until(async () => waiting.length === 24)
    const before = agent.logged().length
    fail({ worker: 1 + (index % 2), what })
    await until(async () => agent.logged().slice(before).includes('replacing it'))
    held = null
    for (const socket of waiting) socket.write(OK)
    const answers = await answering
    const lost = answers.filter(({ status }) => status === 'rejected').length
    assert.ok(lost > 0 && lost < 24, `${what}: ${lost}`)
    for (const answer of answers) if (answer.status === 'fulfilled') assert.equal(answer.value, 200)
    await until(async () => (await serving(agent)).length === 2)
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
  await until(async () => (await serving(agent)).length === 2)
})

test('a place that fails again and again is filled more and more slowly', async () => {
  await using agent = await startThreads({ workers: 1 }, FAULTY)
  for (let time = 0; time < 3; time++) {
    await until(async () => (await serving(agent)).length === 1)
    const before = agent.logged().length
    fail({ worker: 1, what: 'exit' })
    await until(async () => agent.logged().slice(before).includes('replacing it'))
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
  assert.ok(sent > 20, `${sent}`)
  assert.equal(upMs.length, 2)
  for (const each of upMs) assert.ok(each <= performance.now() - started)
})

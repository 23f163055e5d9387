/**
 * Places of a concurrency limit that are held by threads which end.
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
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const PLACES = 16
const PATIENCE_MS = 45_000

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!(await what())) {
    assert.ok(performance.now() < deadlineMs, 'it took too long')
    await sleep(10)
  }
}

/** An agent of two threads where so many requests may be worked on, and a service that answers when it is told to. */
async function rig(drainMs: number) {
  const waiting: Socket[] = []
  const service = await startService((_, socket) => {
    waiting.push(socket)
    return null
  })
  const agent = await startThreads({ workers: 2, drainMs }, FAULTY)
  const spec = { type: 'limit', on: { environment: true }, algorithm: 'concurrency', requests: PLACES, key: ['route'] }
  setRelease(agent.app.live, [...openRelease(service.url), { kind: 'policy', name: 'places', spec }])
  await agent.app.live.settled()
  return {
    agent,
    waiting,
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
}

/** Sends requests that wait for the service. @returns how they went: a status, or 0 for one that was lost. */
function ask({ http }: ThreadedAgent, count: number): Promise<number>[] {
  return Array.from({ length: count }, async () => {
    try {
      return (await sendRaw(http, GET)).status
    } catch {
      return 0
    }
  })
}

/** Once so many places are held again, not one more is free. */
async function fill(it: Awaited<ReturnType<typeof rig>>, count: number): Promise<void> {
  const before = it.waiting.length
  void ask(it.agent, count)
  await until(() => it.waiting.length === before + count)
  assert.deepEqual(await Promise.all(ask(it.agent, 3)), [429, 429, 429])
}

test('a thread that dies gives back what it held, and nothing of what others hold', async () => {
  await using it = await rig(200)
  const { agent, waiting } = it
  const asked = ask(agent, PLACES)
  await until(() => waiting.length === PLACES)
  const lost: number[] = []
  for (const each of asked) void each.then((status) => lost.push(status))
  const before = agent.logged().length
  const channel = new BroadcastChannel('faults')
  channel.postMessage({ worker: 1, what: 'exit' } satisfies Fault)
  channel.close()
  await until(() => agent.logged().slice(before).includes('replacing it'))
  await until(() => lost.length > 0)
  await sleep(100)
  assert.deepEqual([...new Set(lost)], [0])
  await fill(it, lost.length)
})

test('threads that are put in the place of others leave no place held, even of requests that are cut', async () => {
  await using it = await rig(200)
  const { agent, waiting } = it
  const asked = ask(agent, PLACES)
  await until(() => waiting.length === PLACES)
  await agent.app.restart()
  assert.deepEqual([...new Set(await Promise.all(asked))], [0])
  await fill(it, PLACES)
  for (const socket of waiting) if (!socket.destroyed) socket.write(OK)
})

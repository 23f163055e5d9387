/**
 * Serving threads that have more to do than they can, and everything beside them that has to go on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BroadcastChannel } from 'node:worker_threads'
import { setRelease } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { startThreads } from '#agent/testing/threads.ts'

const BUSY = new URL('../testing/busy-thread.ts', import.meta.url)
const WAIT_MS_MAX = 20_000

const ask = async (url: string, path: string) =>
  await sendRaw(url, `GET ${path} HTTP/1.1\r\nHost: api.example.com\r\n\r\n`)

function released(url: string) {
  const routes = (['public', 'internal'] as const).map((exposure) => ({
    kind: 'route',
    name: exposure,
    spec: { service: 'shop', path: `/${exposure}`, exposure },
  }))
  return [
    { kind: 'service', name: 'shop', spec: { owner: 'team', targets: [{ url }] } },
    ...routes,
    {
      kind: 'policy',
      name: 'open',
      spec: { type: 'access', on: { environment: true }, public: { owner: 'team', reason: 'a test' } },
    },
  ]
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX
  while (!(await what())) {
    assert.ok(performance.now() < endMs, 'it took too long')
    await sleep(20)
  }
}

// Every turn of the loops takes 300 ms, so that they are late by about 250: above the bound for what is public, and below
// that for what is internal.
test('503 agent_overloaded refuses what is public while threads are late, serves what is internal, and probes and releases go on', async (t) => {
  await using service = await startService()
  await using agent = await startThreads({ workers: 2, overloadDelayMs: 100 }, BUSY)
  setRelease(agent.app.live, released(service.url))
  await agent.app.live.settled()
  assert.equal((await ask(agent.http, '/public')).status, 200)

  const busy = new BroadcastChannel('busy')
  t.after(() => busy.close())
  busy.postMessage(300)
  // The kernel deals connections out, so many have to be refused in a row.
  let refusedInARow = 0
  await until(async () => {
    const answer = await ask(agent.http, '/public')
    if (answer.status !== 503) return (refusedInARow = 0) > 0
    assert.match(answer.body, /#temporary-reduced-capacity".*"code":"agent_overloaded"/)
    const retryAfterS = Number(answer.field('retry-after'))
    assert.ok(retryAfterS >= 1 && retryAfterS <= 4, `${retryAfterS}`)
    return ++refusedInARow >= 8
  })
  const arrived = service.arrived.length
  assert.equal((await ask(agent.http, '/public')).status, 503)
  assert.equal(service.arrived.length, arrived)
  const inside = await Promise.all(Array.from({ length: 4 }, async () => (await ask(agent.http, '/internal')).status))
  assert.deepEqual(inside, [200, 200, 200, 200])

  for (const page of ['livez', 'readyz']) assert.equal((await fetch(`${agent.app.adminUrl}/${page}`)).status, 200)
  // What the control plane says reaches the threads all the same.
  setRelease(agent.app.live, released(service.url), { number: 2 })
  await agent.app.live.settled()
  const { workers } = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as {
    workers: { refused_below: string | null; shed: number; delay_ms: number }[]
  }
  assert.deepEqual(
    workers.map(({ refused_below: below }) => below),
    ['high', 'high'],
  )
  assert.ok(workers.some(({ shed, delay_ms: delayMs }) => shed > 0 && delayMs > 100))

  busy.postMessage(0)
  let servedInARow = 0
  await until(async () => {
    servedInARow = (await ask(agent.http, '/public')).status === 200 ? servedInARow + 1 : 0
    return servedInARow >= 8
  })
  assert.equal(agent.logged().includes('a serving thread ended'), false)
})

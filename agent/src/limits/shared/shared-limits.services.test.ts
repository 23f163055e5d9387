/**
 * Agents of a group on a real Redis: what they admit together, and what they do while it is gone.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CompiledLimit, errorBound, leaseUnits } from '@headgate/core'
import { redisProgram, startTestRedis, type TestRedis } from '@headgate/kit/redis-testing.ts'
import { Redis } from 'ioredis'
import { redisKey, slotTag } from './demand-args.ts'
import { demandOf, sharedLimit, startMember, type TestMember } from './testing/group.ts'

const program = redisProgram()
const options = { skip: program === undefined && 'no redis-server' }
const leased = { mode: 'leased', onFailure: 'local_share' } as const

/** A Redis and so many agents, each of which knows of all. */
async function group(
  t: TestContext,
  count: number,
  deadlineMs?: number,
): Promise<{ redis: TestRedis; agents: TestMember[] }> {
  if (program === undefined) throw new Error('skipped without it')
  const stack = new AsyncDisposableStack()
  t.after(async () => await stack.disposeAsync())
  const redis = stack.use(await startTestRedis(program))
  const agents: TestMember[] = []
  for (let index = 0; index < count; index++) {
    agents.push(stack.use(await startMember(redis.url, deadlineMs === undefined ? {} : { deadlineMs })))
  }
  for (const agent of agents) await agent.link.prepare(5_000)
  for (const agent of agents) assert.equal(agent.link.agents, count)
  return { redis, agents }
}

async function until(what: () => boolean): Promise<void> {
  const lastMs = performance.now() + 20_000
  while (!what()) {
    assert.ok(performance.now() < lastMs, 'it took too long')
    await sleep(10)
  }
}

/** @returns how many of so many requests were admitted, dealt out to the agents. */
async function admitted(
  agents: readonly TestMember[],
  limit: CompiledLimit,
  requests: number,
  atOnce = 20,
): Promise<number> {
  let [count, sent] = [0, 0]
  const worker = async (): Promise<void> => {
    while (sent < requests) {
      const agent = agents[sent++ % agents.length]
      if ((await agent?.take(demandOf(limit)))?.kind === 'taken') count += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return count
}

for (const algorithm of ['rate', 'sliding_window', 'quota'] as const) {
  const calendar = algorithm === 'quota' ? ({ period: 'month', zone: 'UTC' } as const) : null
  test(`three agents that ask for each request admit a ${algorithm} of 100 exactly`, options, async (t) => {
    const { agents } = await group(t, 3)
    const limit = sharedLimit({ algorithm, amount: 100, calendar })
    assert.equal(await admitted(agents, limit, 300), 100)
  })

  test(
    `three agents that take a ${algorithm} ahead admit no more than it, and less by no more than its bound`,
    options,
    async (t) => {
      const { agents } = await group(t, 3)
      const limit = sharedLimit({ algorithm, amount: 600, calendar, shared: leased })
      const count = await admitted(agents, limit, 1_500)
      assert.ok(count <= 600 && count >= 600 - errorBound(limit, 3).under, `${count}`)
      const calls = agents.reduce((sum, { link }) => sum + link.state.status(0).calls, 0)
      assert.ok(calls < 400, `${calls} calls for 1,500 requests`)
    },
  )
}

test('what an agent has taken ahead is no more than its lease, and is told as what remains', options, async (t) => {
  const { agents } = await group(t, 1)
  const [agent] = agents
  assert.ok(agent !== undefined)
  const limit = sharedLimit({ amount: 1_000, shared: leased })
  assert.equal(leaseUnits(limit, 1), 50)
  const first = await agent.take(demandOf(limit))
  const second = agent.limits.take('env_1', [demandOf(limit)])
  assert.ok(!(second instanceof Promise))
  assert.ok(first.kind === 'taken' && second.kind === 'taken')
  assert.deepEqual([first.states[0]?.remaining, second.states[0]?.remaining], [999, 998])
})

test('threads of one agent share what it has taken ahead', options, async (t) => {
  const { redis, agents } = await group(t, 1)
  const [agent] = agents
  assert.ok(agent !== undefined)
  await using other = await startMember(redis.url, { memory: agent.memory })
  const limit = sharedLimit({ amount: 1_000, shared: leased })
  await agent.take(demandOf(limit))
  const taken = other.limits.take('env_1', [demandOf(limit)])
  assert.ok(!(taken instanceof Promise) && taken.kind === 'taken')
})

test(
  'a request that one of several limits refuses takes nothing from the others, wherever they are counted',
  options,
  async (t) => {
    const { agents } = await group(t, 1)
    const [agent] = agents
    assert.ok(agent !== undefined)
    const tight = sharedLimit({ amount: 3 }, 'tight')
    const wide = [sharedLimit({ amount: 100 }, 'wide'), sharedLimit({ amount: 100, shared: leased }, 'ahead')]
    const all = [...wide, tight]
    const kinds: string[] = []
    for (let index = 0; index < 8; index++) kinds.push((await agent.take(...all.map((limit) => demandOf(limit)))).kind)
    assert.deepEqual(kinds, [...Array<string>(3).fill('taken'), ...Array<string>(5).fill('exceeded')])
    for (const limit of wide) {
      const left = await agent.take(demandOf(limit))
      assert.equal(left.kind === 'taken' && left.states[0]?.remaining, 96)
    }
  },
)

test('places are given back by those who end, and by those who say nothing any more', options, async (t) => {
  const { redis, agents } = await group(t, 2)
  const [one, two] = agents
  assert.ok(one !== undefined && two !== undefined)
  const limit = sharedLimit({ algorithm: 'concurrency', amount: 2, burst: 2, windowMs: 0 })
  const held = [demandOf(limit), demandOf(limit)]
  assert.equal((await one.take(held[0] ?? demandOf(limit))).kind, 'taken')
  assert.equal((await two.take(held[1] ?? demandOf(limit))).kind, 'taken')
  assert.equal((await one.take(demandOf(limit))).kind, 'exceeded')
  two.limits.settle('env_1', held.slice(1), 0)
  await takenSoon(one, limit)

  // A thread that was ended holds places and says nothing.
  const other = demandOf(limit, 'c1:b;')
  using client = redisClient(redis)
  const key = redisKey('eu', slotTag('env_1', other), other)
  await client.redis.hset(key, 'gone', `2 ${Date.now() - 5_000}`)
  assert.equal((await two.take(other)).kind, 'exceeded')
  await client.redis.hset(key, 'gone', `2 ${Date.now() - 11_000}`)
  assert.equal((await two.take(demandOf(limit, 'c1:b;'))).kind, 'taken')
})

test('bytes are charged when they have passed, from what was taken ahead and beyond it', options, async (t) => {
  const { agents } = await group(t, 2)
  const [one, two] = agents
  assert.ok(one !== undefined && two !== undefined)
  const limit = sharedLimit({ unit: 'bytes', amount: 1_000_000, shared: leased })
  const demand = demandOf(limit, 'c1:a;', 0)
  assert.equal((await one.take(demand)).kind, 'taken')
  one.limits.settle('env_1', [demand], 2_000_000)
  await until(() => one.limits.take('env_1', [demandOf(limit, 'c1:a;', 0)]) instanceof Promise === false)
  assert.equal((await one.take(demandOf(limit, 'c1:a;', 0))).kind, 'exceeded')
  assert.equal((await two.take(demandOf(limit, 'c1:a;', 0))).kind, 'exceeded')
})

test(
  'while Redis is paused no request waits longer than the deadline, and then none waits at all',
  options,
  async (t) => {
    const { redis, agents } = await group(t, 2, 100)
    const [agent] = agents
    assert.ok(agent !== undefined)
    const limits = (['local_share', 'open', 'closed'] as const).map((onFailure) =>
      sharedLimit({ amount: 100, shared: { mode: 'each', onFailure } }, onFailure),
    )
    for (const limit of limits) await agent.take(demandOf(limit))
    redis.pause()
    t.after(() => redis.resume())
    const first = await Promise.all(limits.map(async (limit) => await agent.take(demandOf(limit))))
    assert.deepEqual(
      first.map(({ kind }) => kind),
      ['exceeded', 'taken', 'unavailable'],
    )
    // The agent's own measure of its calls, with room for a machine that is busy.
    const { callMsLongest, state } = agent.link.state.status(performance.now())
    assert.ok(callMsLongest < 100 + 150, `${callMsLongest}`)
    assert.equal(state, 'away')
    assert.equal(agent.away(), 1)
    for (const limit of limits) assert.ok(!(agent.limits.take('env_1', [demandOf(limit)]) instanceof Promise))

    redis.resume()
    await until(() => agents.every(({ link }) => link.isUsable))
    assert.equal((await agent.take(demandOf(limits[2] ?? sharedLimit()))).kind, 'taken')
  },
)

test('a share begins used up, comes back evenly, and is charged when Redis is back', options, async (t) => {
  const { redis, agents } = await group(t, 2, 100)
  // Twenty a second; ten of them for each agent.
  const limit = sharedLimit({ amount: 1_200, burst: 20, windowMs: 60_000 })
  redis.pause()
  t.after(() => redis.resume())
  await admitted(agents, limit, 2, 2)
  const sinceMs = Math.min(...agents.map(({ link }) => link.awaySinceMs))
  let count = 0
  while (performance.now() - sinceMs < 1_000) {
    count += await admitted(agents, limit, 40, 4)
    await sleep(20)
  }
  const seconds = (performance.now() - sinceMs) / 1_000
  assert.ok(count <= Math.ceil(seconds * 20) + 2, `${count} in ${seconds} s`)
  assert.ok(count >= 10, `${count}`)
  redis.resume()
  await until(() => agents.every(({ link }) => link.isUsable))
  await until(() => agents.every(({ link }) => link.state.periods > 0))
})

// Guards against a restart that gives everybody a new burst.
test('a Redis that was killed and comes back empty adds no burst', options, async (t) => {
  const { redis, agents } = await group(t, 2, 100)
  const limit = sharedLimit({ amount: 50, shared: { mode: 'each', onFailure: 'closed' } })
  assert.equal(await admitted(agents, limit, 80), 50)
  await redis.kill()
  assert.equal(await admitted(agents, limit, 20), 0)
  await redis.restart()
  await until(() => agents.every(({ link }) => link.isUsable))
  // One comes back every 72 s.
  assert.ok((await admitted(agents, limit, 80)) <= 1)
  // Nor does an agent that comes now.
  await using late = await startMember(redis.url)
  assert.ok((await admitted([late], limit, 10)) <= 1)
})

test('without Redis at the start an agent serves its share, and joins when there is one', options, async (t) => {
  const { redis } = await group(t, 0)
  await redis.kill()
  const agent = await startMemberWithin(redis, t)
  const limit = sharedLimit({ amount: 6_000, windowMs: 60_000, shared: { mode: 'leased', onFailure: 'open' } })
  assert.equal((await agent.take(demandOf(limit))).kind, 'taken')
  assert.equal(agent.link.state.status(performance.now()).state, 'away')
  await redis.restart()
  await until(() => agent.link.isUsable)
  assert.equal((await agent.take(demandOf(limit))).kind, 'taken')
})

test('every key in Redis ends by itself, and none holds what a caller is', options, async (t) => {
  const { redis, agents } = await group(t, 1)
  const [agent] = agents
  assert.ok(agent !== undefined)
  for (const algorithm of ['rate', 'sliding_window', 'quota', 'concurrency'] as const) {
    const calendar = algorithm === 'quota' ? ({ period: 'day', zone: 'UTC' } as const) : null
    await agent.take(demandOf(sharedLimit({ algorithm, calendar }, algorithm), 'a9:192.0.2.1;'))
  }
  using client = redisClient(redis)
  const keys = await client.redis.keys('*')
  assert.equal(keys.length, 6)
  for (const key of keys) {
    assert.ok(key.startsWith('hg:{') && !key.includes('192.0.2.1'), key)
    assert.ok((await client.redis.pttl(key)) > 0, key)
  }
})

/** What was given back is there in a moment. */
async function takenSoon(agent: TestMember, limit: CompiledLimit): Promise<void> {
  for (let tries = 0; (await agent.take(demandOf(limit))).kind !== 'taken'; tries++) {
    assert.ok(tries < 1_000, 'it was not given back')
    await sleep(5)
  }
}

async function startMemberWithin(redis: TestRedis, t: TestContext): Promise<TestMember> {
  const agent = await startMember(redis.url, { deadlineMs: 100, connectMs: 100 })
  t.after(async () => await agent[Symbol.asyncDispose]())
  return agent
}

function redisClient({ url }: TestRedis): Disposable & { readonly redis: Redis } {
  const redis = new Redis(url)
  return { redis, [Symbol.dispose]: () => redis.disconnect() }
}

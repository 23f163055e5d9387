/**
 * Limits in a real Redis Cluster of three nodes.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { redisProgram, startTestRedis, type TestRedis } from '@headgate/kit/redis-testing.ts'
import { Redis } from 'ioredis'
import { demandOf, sharedLimit, startMember } from './testing/group.ts'

const program = redisProgram()
const options = { skip: program === undefined && 'no redis-server' }
const NODES = 3
const SLOTS = 16_384

/** @returns the address of all nodes, once they agree who has which slot. */
async function cluster(t: TestContext): Promise<string> {
  if (program === undefined) throw new Error('skipped without it')
  const stack = new AsyncDisposableStack()
  t.after(async () => await stack.disposeAsync())
  const nodes: TestRedis[] = []
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
  for (let index = 0; index < NODES; index++) nodes.push(stack.use(await startTestRedis(program, args)))
  const clients = nodes.map(({ url }) => stack.adopt(new Redis(url), (client) => client.disconnect()))
  const bound = (index: number): number => Math.floor((SLOTS * index) / NODES)
  for (const [index, client] of clients.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', bound(index), bound(index + 1) - 1)
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
  }
  for (const { port } of nodes) await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', port)
  for (const client of clients) {
    for (let tries = 0; !String(await client.call('CLUSTER', 'INFO')).includes('cluster_state:ok'); tries++) {
      assert.ok(tries < 1_000, 'the nodes do not agree')
      await sleep(20)
    }
  }
  return `redis://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
}

test('in a cluster of three nodes limits are exact, all or none over slots, and leases work', options, async (t) => {
  const url = await cluster(t)
  await using one = await startMember(url, { deadlineMs: 1_000 })
  await using two = await startMember(url, { deadlineMs: 1_000 })

  let count = 0
  const limit = sharedLimit({ amount: 40 })
  for (let round = 0; round < 30; round++) {
    const answers = await Promise.all([one, two].map(async (agent) => await agent.take(demandOf(limit))))
    count += answers.filter(({ kind }) => kind === 'taken').length
  }
  assert.equal(count, 40)

  // Different callers are in different slots; the tight limit is reached first.
  const [wide, tight] = [sharedLimit({ amount: 100 }, 'wide'), sharedLimit({ amount: 3 }, 'tight')]
  for (let caller = 0; caller < 8; caller++) {
    const ask = async () => await one.take(demandOf(wide, `c1:${caller};`), demandOf(tight, 'r5:order;'))
    assert.equal((await ask()).kind, caller < 3 ? 'taken' : 'exceeded')
    for (let tries = 0; ; tries++) {
      // What was given back is there in a moment.
      const left = await one.take(demandOf(wide, `c1:${caller};`))
      const remaining = left.kind === 'taken' ? (left.states[0]?.remaining ?? 0) : 0
      if (remaining === (caller < 3 ? 98 : 99) - tries) break
      assert.ok(tries < 20, `${remaining}`)
      await sleep(5)
    }
  }

  const ahead = sharedLimit({ amount: 1_000, shared: { mode: 'leased', onFailure: 'closed' } }, 'ahead')
  for (let caller = 0; caller < 20; caller++) {
    assert.equal((await two.take(demandOf(ahead, `c1:${caller};`))).kind, 'taken')
    assert.ok(!(two.limits.take('env_1', [demandOf(ahead, `c1:${caller};`)]) instanceof Promise))
  }
  assert.equal(one.away() + two.away(), 0)
})

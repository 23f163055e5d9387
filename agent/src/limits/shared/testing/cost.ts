/**
 * What a shared limit costs a serving thread: a program, which `bench` starts. Prints one line of JSON: CPU time of one
 * request in nanoseconds, the median of the rounds, on a real Redis, whose own time is not in it.
 *
 * Leases are what an agent of a hundred has of a large limit, so their refills are in the figures.
 *
 * @module
 */
import { setImmediate as turn } from 'node:timers/promises'
import { redisProgram, startTestRedis } from '@headgate/kit/redis-testing.ts'
import { demandOf, sharedLimit, startMember } from './group.ts'

const ROUNDS = Number(process.argv[2] ?? 7)
const WARM_UPS = 5
/** Length of one round, in milliseconds. */
const ROUND_MS = 150
/** Requests between two turns of the event loop: some of them come together under load. */
const BATCH = 100
const KEYS = 100

const program = redisProgram()
if (program === undefined) throw new Error('this needs redis-server')
await using redis = await startTestRedis(program)
await using agent = await startMember(redis.url)

const keys = Array.from({ length: KEYS }, (_, index) => `c12:consumer-${1_000 + index};`)
const of = (mode: 'each' | 'leased', policy: string) =>
  sharedLimit({ amount: 50_000_000, windowMs: 1_000, shared: { mode, onFailure: 'closed' } }, policy)
const leased = of('leased', 'leased')
const three = [leased, of('leased', 'second'), of('leased', 'third')]
const each = of('each', 'each')

/** Kept, so that no call can be left out as useless. */
let last: unknown

async function round(limits: readonly (typeof leased)[]): Promise<number> {
  const { user, system } = process.cpuUsage()
  const endMs = performance.now() + ROUND_MS
  let calls = 0
  while (performance.now() < endMs) {
    const waiting: Promise<unknown>[] = []
    for (let count = 0; count < BATCH; count++) {
      const key = keys[calls++ % KEYS] ?? ''
      const taken = agent.limits.take(
        'env_1',
        limits.map((limit) => demandOf(limit, key)),
      )
      if (taken instanceof Promise) waiting.push(taken)
      else last = taken
    }
    if (waiting.length > 0) last = await Promise.all(waiting)
    await turn()
  }
  const spent = process.cpuUsage({ user, system })
  return ((spent.user + spent.system) * 1_000) / calls
}

const rows = [
  { name: 'one leased limit', limits: [leased] },
  { name: 'three leased limits', limits: three },
  { name: 'one limit that asks for each request', limits: [each] },
].map((row) => ({ ...row, rounds: [] as number[] }))
for (let count = -WARM_UPS; count < ROUNDS; count++) {
  for (const row of rows) {
    const ns = await round(row.limits)
    if (count >= 0) row.rounds.push(ns)
  }
}
if (last === undefined) throw new Error('a call gave nothing')
const answer = rows.map(({ name, rounds }) => ({
  name,
  ns: Math.round(rounds.toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? 0),
}))
process.stdout.write(`${JSON.stringify(answer)}\n`)

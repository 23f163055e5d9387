/**
 * Agents of a group in one process, each with what its threads would share, on a Redis of a test's own.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { CompiledLimit, LimitDemand, Taken } from '@headgate/core'
import { plainLimit } from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createSharedLimitMemory, type SharedLimitMemory } from '#agent/limits/shared/memory.ts'
import { readRedisAddress } from '#agent/limits/shared/redis-address.ts'
import { createRedisClient } from '#agent/limits/shared/redis-client.ts'
import { createScripts } from '#agent/limits/shared/scripts.ts'
import { createSharedLimits, type ThreadSharedLimits } from '#agent/limits/shared/shared-limits.ts'
import { StoreLink } from '#agent/limits/shared/store-link.ts'

export interface TestMember extends AsyncDisposable {
  readonly limits: ThreadSharedLimits
  readonly link: StoreLink
  readonly memory: SharedLimitMemory
  /** How often it said that the store is away. */
  readonly away: () => number
  /** Asks for one request, and notes how long the answer took. */
  take(...demands: readonly LimitDemand[]): Promise<Taken>
  readonly longestMs: () => number
}

interface MemberOptions {
  readonly deadlineMs?: number
  readonly group?: string
  /** Longest wait for the connection at the start, in milliseconds. */
  readonly connectMs?: number
  /** Threads of one agent have the same. */
  readonly memory?: SharedLimitMemory
}

/** A thread of an agent. It is connected, and has beaten once. */
export async function startMember(url: string, options: MemberOptions = {}): Promise<TestMember> {
  const { deadlineMs = 250, group = 'eu', connectMs = 5_000, memory = createSharedLimitMemory() } = options
  const address = readRedisAddress(url)
  if ('problem' in address) throw new Error(address.problem)
  let [away, longestMs] = [0, 0]
  const link = new StoreLink({
    memory,
    client: createRedisClient({ address, authorities: undefined }),
    scripts: createScripts(),
    deadlineMs,
    group,
    monotonic: () => performance.now(),
    log: createLog({ name: 'test', level: 'silent' }),
    onAway: () => (away += 1),
  })
  await link.prepare(connectMs)
  const holder = randomBytes(6).toString('hex')
  const limits = createSharedLimits({ memory, link, isCluster: address.isCluster, holder, clock: systemClock })
  return {
    limits,
    link,
    memory,
    away: () => away,
    longestMs: () => longestMs,
    take: async (...demands) => {
      const beganMs = performance.now()
      const taken = await limits.take('env_1', demands)
      longestMs = Math.max(longestMs, performance.now() - beganMs)
      return taken
    },
    [Symbol.asyncDispose]: async () => await limits.close(),
  }
}

/** A limit that counts for an hour, of one key. */
export function sharedLimit(fields: Partial<CompiledLimit> = {}, policy = 'ten'): CompiledLimit {
  const amount = fields.amount ?? 10
  return plainLimit({
    policy,
    id: `acme/production/${policy}`,
    amount,
    burst: amount,
    windowMs: 3_600_000,
    shared: { mode: 'each', onFailure: 'local_share' },
    ...fields,
  })
}

/** A new demand for each request, as in an agent. */
export const demandOf = (limit: CompiledLimit, key = 'c1:a;', cost = 1): LimitDemand => ({ limit, key, cost })

/**
 * One connection to Redis (to each node of a cluster): runs scripts, and gives up by the deadline.
 *
 * What is asked is asked once: nothing waits for a connection beyond the deadline, and nothing is sent again behind the
 * back of whoever gave up. The connection is made anew by itself, after pauses that grow and differ.
 *
 * @module
 */
import { Cluster, Redis } from 'ioredis'
import { errorText } from '@headgate/kit/errors.ts'
import type { RedisAddress } from './redis-address.ts'
import type { Script } from './scripts.ts'

/** What a script answered, or why there is no answer, in a few words without any secret. */
export type Reply =
  | { readonly kind: 'answer'; readonly values: readonly string[] }
  | { readonly kind: 'failed'; readonly why: string }

export interface RedisClient {
  /** Does not reject. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[], deadlineMs: number): Promise<Reply>
  /** Resolves when it is connected, or after so long. */
  connected(waitMs: number): Promise<boolean>
  /** Begins again with a new connection. */
  reconnect(): void
  close(): void
}

export interface RedisClientOptions {
  readonly address: RedisAddress
  /** PEM of authorities, instead of those of the system. */
  readonly authorities: string | undefined
}

/** Pauses between two attempts to connect, in milliseconds. */
const RETRY_MS_MIN = 50
const RETRY_MS_MAX = 2_000
/** Longest attempt, in milliseconds. */
const CONNECT_MS_MAX = 2_000
/** Longest wait for the other side to agree that a connection ends, in milliseconds. */
const DISCONNECT_MS_MAX = 200

export function createRedisClient(options: RedisClientOptions): RedisClient {
  const redis = connect(options)
  // Every failure is told by the call that it befell.
  redis.on('error', () => {})
  let isClosed = false
  // Until a connection that is given up is closed, it is called ready, and whoever gives it up again adds a listener.
  let isLeaving = false
  redis.on('close', () => {
    isLeaving = false
  })
  const isReady = (): boolean => redis.status === 'ready' && !isLeaving

  // Whoever waits for a connection waits for the same one.
  let onReady: PromiseWithResolvers<void> | null = null
  redis.on('ready', () => {
    onReady?.resolve()
    onReady = null
  })

  async function ready(waitMs: number): Promise<boolean> {
    if (isReady()) return true
    onReady ??= Promise.withResolvers<void>()
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), Math.max(1, waitMs))
    void onReady.promise.then(() => resolve(true))
    try {
      return await promise
    } finally {
      clearTimeout(timer)
    }
  }

  async function evaluate(script: Script, rest: readonly (string | number)[], keyCount: number): Promise<Reply> {
    try {
      return answer(await redis.evalsha(script.sha, keyCount, ...rest))
    } catch (thrown) {
      if (!errorText(thrown).startsWith('NOSCRIPT')) return { kind: 'failed', why: whyOf(thrown) }
    }
    // A server that was started anew knows no script.
    try {
      return answer(await redis.eval(script.source, keyCount, ...rest))
    } catch (thrown) {
      return { kind: 'failed', why: whyOf(thrown) }
    }
  }

  return {
    run: async (script, keys, args, deadlineMs) => {
      if (!isReady()) {
        const beganMs = performance.now()
        if (!(await ready(deadlineMs))) return { kind: 'failed', why: 'no connection' }
        deadlineMs = Math.max(1, deadlineMs - (performance.now() - beganMs))
      }
      return await within(evaluate(script, [...keys, ...args], keys.length), deadlineMs)
    },
    connected: ready,
    reconnect: () => {
      if (isClosed || !isReady() || !(redis instanceof Redis)) return
      isLeaving = true
      redis.disconnect(true)
    },
    close: () => {
      isClosed = true
      redis.disconnect()
    },
  }
}

function connect({ address, authorities }: RedisClientOptions): Redis | Cluster {
  const { nodes, isCluster, isTls, username, password, database } = address
  const [first] = nodes
  const common = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(isTls && { tls: authorities === undefined ? {} : { ca: authorities } }),
    connectTimeout: CONNECT_MS_MAX,
    disconnectTimeout: DISCONNECT_MS_MAX,
    enableAutoPipelining: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectionName: 'headgate-agent',
  }
  if (!isCluster && first !== undefined) {
    return new Redis({ ...common, ...first, db: database, enableOfflineQueue: false, retryStrategy: retryMs })
  }
  return new Cluster([...nodes], {
    redisOptions: common,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    clusterRetryStrategy: retryMs,
    clusterNodeRetryStrategy: retryMs,
    maxRedirections: 3,
    retryDelayOnFailover: RETRY_MS_MIN,
    retryDelayOnClusterDown: RETRY_MS_MIN,
  })
}

/** Different for each thread and agent, so that they do not all come back at once. */
const retryMs = (times: number): number =>
  Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(times - 1, 10)) * (0.5 + Math.random())

/**
 * A deadline that is fair to an answer which has come: when this thread was busy for longer, the answer waits to be read,
 * and is read before anything is given up.
 */
async function within(reply: Promise<Reply>, deadlineMs: number): Promise<Reply> {
  const { promise, resolve } = Promise.withResolvers<Reply>()
  const late: Reply = { kind: 'failed', why: `no answer within ${Math.round(deadlineMs)} ms` }
  const timer = setTimeout(() => setImmediate(() => resolve(late)), Math.max(1, deadlineMs))
  void reply.then(resolve)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

function answer(value: unknown): Reply {
  return { kind: 'answer', values: Array.isArray(value) ? value.map(String) : [] }
}

/** Only the kind of an error: what Redis says in words may hold keys. */
function whyOf(thrown: unknown): string {
  const text = errorText(thrown)
  return /^[A-Z]{3,}\b/.exec(text)?.[0] ?? 'connection lost'
}

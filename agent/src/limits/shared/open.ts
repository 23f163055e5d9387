/**
 * Opens the store of shared limits for one thread, when the first shared limit is live: an agent without any needs none.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import type { CompiledRelease, LimitDemand, Taken } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { SharedLimits } from '#agent/limits/port.ts'
import type { Live } from '#agent/live-table.ts'
import { type SharedLimitMemory, StoreState } from './memory.ts'
import type { RedisAddress } from './redis-address.ts'
import { createRedisClient } from './redis-client.ts'
import { createScripts } from './scripts.ts'
import { createSharedLimits, type ThreadSharedLimits } from './shared-limits.ts'
import { StoreLink } from './store-link.ts'

export interface OpenOptions {
  readonly settings: {
    readonly redis: RedisAddress | undefined
    readonly redisCa: string | undefined
    readonly redisDeadlineMs: number
    readonly redisGroup: string | undefined
  }
  readonly memory: SharedLimitMemory
  readonly live: Pick<Live, 'environments' | 'onChange'>
  readonly clock: Clock
  readonly log: Log
  /** The store was found away. */
  readonly onAway: () => void
}

/** Longest wait for the store before requests are taken, in milliseconds. */
const PREPARE_MS_MAX = 1_000

/** Its disposal says a last time what is held, and closes the connection. */
export interface OpenSharedLimits extends AsyncDisposable {
  /** Null: there is no store, and nobody is asked. */
  readonly limits: SharedLimits | null
  /** Connects where a shared limit is live already. */
  prepare(): Promise<void>
}

export function openSharedLimits(options: OpenOptions): OpenSharedLimits {
  const { redis } = options.settings
  return redis === undefined ? withoutStore(options) : new Opened(options, redis)
}

/** Says so, once, when a shared limit is live: it follows its `on_failure`. */
function withoutStore({ live, memory, log, onAway }: OpenOptions): OpenSharedLimits {
  const state = new StoreState(memory)
  const tell = (): void => {
    if (!isNeeded(live) || !state.lack()) return
    log.warn('limits are shared, and HEADGATE_REDIS_URL is not set: each follows its on_failure')
    onAway()
  }
  const stopFollowing = live.onChange(tell)
  tell()
  return { limits: null, prepare: async () => {}, [Symbol.asyncDispose]: async () => stopFollowing() }
}

class Opened implements OpenSharedLimits, SharedLimits {
  readonly limits: SharedLimits = this
  readonly #options: OpenOptions
  readonly #address: RedisAddress
  readonly #stopFollowing: () => void
  #open: { readonly link: StoreLink; readonly limits: ThreadSharedLimits } | null = null

  constructor(options: OpenOptions, address: RedisAddress) {
    this.#options = options
    this.#address = address
    this.#stopFollowing = options.live.onChange(() => {
      if (isNeeded(options.live)) this.#opened()
    })
  }

  async prepare(): Promise<void> {
    if (isNeeded(this.#options.live)) await this.#opened().link.prepare(PREPARE_MS_MAX)
  }

  take(environmentId: string, demands: readonly LimitDemand[]): Taken | Promise<Taken> {
    return this.#opened().limits.take(environmentId, demands)
  }

  giveBack(environmentId: string, demands: readonly LimitDemand[]): void {
    this.#opened().limits.giveBack(environmentId, demands)
  }

  settle(environmentId: string, demands: readonly LimitDemand[], bytes: number): void {
    this.#opened().limits.settle(environmentId, demands, bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopFollowing()
    await this.#open?.limits.close()
  }

  #opened(): { readonly link: StoreLink; readonly limits: ThreadSharedLimits } {
    if (this.#open !== null) return this.#open
    const { settings, memory, clock, log, onAway } = this.#options
    const { redisCa, redisDeadlineMs, redisGroup } = settings
    const address = this.#address
    const link = new StoreLink({
      memory,
      client: createRedisClient({ address, authorities: redisCa }),
      scripts: createScripts(),
      deadlineMs: redisDeadlineMs,
      group: redisGroup,
      monotonic: () => clock.monotonic(),
      log,
      onAway,
    })
    const holder = `${memory.agent}.${randomBytes(6).toString('base64url')}`
    const limits = createSharedLimits({ memory, link, isCluster: address.isCluster, holder, clock })
    this.#open = { link, limits }
    return this.#open
  }
}

const isNeeded = (live: OpenOptions['live']): boolean =>
  live.environments().some(({ release }) => hasSharedLimit(release))

/** Whether a release has a limit that is counted in a store. */
export function hasSharedLimit(release: CompiledRelease): boolean {
  for (const { limits } of release.routes.values()) if (limits.some(({ shared }) => shared !== null)) return true
  return false
}

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
import type { SharedLimitMemory } from './memory.ts'
import type { RedisAddress } from './redis-address.ts'
import { createRedisClient } from './redis-client.ts'
import { createScripts } from './scripts.ts'
import { createSharedLimits, type ThreadSharedLimits } from './shared-limits.ts'
import { StoreLink } from './store-link.ts'

export interface OpenOptions {
  readonly settings: {
    readonly redis: RedisAddress
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
export class OpenSharedLimits implements SharedLimits, AsyncDisposable {
  readonly #options: OpenOptions
  readonly #stopFollowing: () => void
  #open: { readonly link: StoreLink; readonly limits: ThreadSharedLimits } | null = null

  constructor(options: OpenOptions) {
    this.#options = options
    this.#stopFollowing = options.live.onChange(() => {
      if (this.#isNeeded()) this.#opened()
    })
  }

  /** Connects where a shared limit is live already. */
  async prepare(): Promise<void> {
    if (this.#isNeeded()) await this.#opened().link.prepare(PREPARE_MS_MAX)
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

  #isNeeded(): boolean {
    return this.#options.live.environments().some(({ release }) => hasSharedLimit(release))
  }

  #opened(): { readonly link: StoreLink; readonly limits: ThreadSharedLimits } {
    if (this.#open !== null) return this.#open
    const { settings, memory, clock, log, onAway } = this.#options
    const { redis: address, redisCa, redisDeadlineMs, redisGroup } = settings
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

/** Whether a release has a limit that is counted in a store. */
export function hasSharedLimit(release: CompiledRelease): boolean {
  for (const { limits } of release.routes.values()) if (limits.some(({ shared }) => shared !== null)) return true
  return false
}

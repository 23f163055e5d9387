/**
 * One service: its targets, which of them requests go to, and what is known of their health.
 *
 * Lives as long as some live release has the service. A new release changes it in place, so that connections and what
 * was learnt of targets that are still there survive it.
 *
 * @module
 */
import type { CompiledHealth, RequestHead } from '@headgate/core'
import type { Log } from '@headgate/kit/log.ts'
import type { Failure, SharedParts, UpstreamTarget } from '#agent/http/engine-parts.ts'
import type { ServiceReference } from '#agent/http/exchange.ts'
import type { Connectors, ServiceAddress } from '#agent/http/io.ts'
import { type Balancer, createBalancer } from '#agent/upstream/balance/balancer.ts'
import { hashText } from '#agent/upstream/balance/hash.ts'
import { select, type Selection, weightOf } from '#agent/upstream/balance/selection.ts'
import { Warmth } from '#agent/upstream/balance/warmth.ts'
import type { HealthChecks } from '#agent/upstream/health/checks.ts'
import { HealthLog } from '#agent/upstream/health/log.ts'
import type { Names } from './names.ts'
import { ServiceConcurrency } from '#agent/upstream/overload/service-concurrency.ts'
import { Pool, type PoolOptions, type PoolOwner, type PoolTarget } from './pool.ts'
import { RetryBudget } from './retry-budget.ts'
import { ServiceLoad } from './service-load.ts'
import type { ServiceState, TargetState } from './state.ts'
import { Target, type TargetOwner } from './target.ts'
import { followTargetTls, type TlsMade } from './target-tls.ts'

/** What all services of a thread share. */
export interface UpstreamParts {
  readonly shared: SharedParts
  readonly connectors: Connectors
  readonly options: PoolOptions
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where the agent is; null: not known. */
  readonly zone: string | null
  readonly log: Log
  readonly names: Names
  readonly checks: HealthChecks
  /** A number from 0 up to 1. */
  readonly random: () => number
}

/** Addresses that are known within this time after the first one begin with it, in milliseconds. */
const FIRST_MS = 1_000

const HASH_MAX = 0x1_0000_0000

export class ServiceUpstream implements PoolOwner, TargetOwner {
  readonly load: ServiceLoad
  readonly concurrency: ServiceConcurrency
  readonly #environmentId: string
  readonly #parts: UpstreamParts
  readonly #retries: RetryBudget
  readonly #warmth: Warmth
  readonly #log: HealthLog
  #reference: ServiceReference
  #targets: readonly Target[] = []
  #pools: readonly Pool[] = []
  #selection: Selection<Pool> = { first: [], second: [], panic: false }
  #first: Balancer<Pool>
  #second: Balancer<Pool>
  /** Where the next request waits while no address is known. */
  #turn = 0
  /** When its first address was known, in milliseconds of the wheel. */
  #firstMs: number | null = null
  #stopTls: (() => void) | null = null
  #checked = new Map<Pool, () => void>()
  #retried = 0
  #overloaded = 0
  #closed = false

  constructor(environmentId: string, reference: ServiceReference, parts: UpstreamParts) {
    this.#environmentId = environmentId
    this.#parts = parts
    this.#reference = reference
    this.load = new ServiceLoad(reference.breaker)
    this.concurrency = new ServiceConcurrency(reference.overload)
    this.#retries = new RetryBudget(reference.retries.budgetPercent)
    this.#warmth = new Warmth(parts.shared.wheel, reference.balancing.slowStartMs)
    this.#log = new HealthLog(parts.log, environmentId, reference.name)
    this.#first = createBalancer(reference.balancing.algorithm, parts.random)
    this.#second = createBalancer(reference.balancing.algorithm, parts.random)
    this.#begin()
  }

  // What pools and targets ask.

  get passive(): CompiledHealth['passive'] {
    return this.#reference.health.passive
  }

  get connectTimeoutMs(): number {
    return this.#reference.connectTimeoutMs
  }

  get requestTimeoutMs(): number | null {
    return this.#reference.requestTimeoutMs
  }

  get streamIdleMs(): number {
    return this.#reference.streamIdleMs ?? this.#parts.shared.settings.upstreamIdleMs
  }

  get serverName(): string | null {
    return this.#reference.tls?.serverName ?? null
  }

  get streams(): boolean {
    return this.#parts.connectors[this.#reference.protocol].streams
  }

  get queueMax(): number {
    return this.#parts.options.queueMax
  }

  makePool(target: PoolTarget, address: ServiceAddress): Pool {
    const { shared, connectors, options } = this.#parts
    const pool = new Pool(shared, connectors[this.#reference.protocol], options, this, target, address)
    const { nowMs } = shared.wheel
    this.#firstMs ??= nowMs
    // The first ones of a service have nobody to leave the requests to.
    if (nowMs - this.#firstMs > FIRST_MS) this.#warmth.begin(pool)
    return pool
  }

  makeRoom(): boolean {
    return this.#pools.some((pool) => pool.endIdle())
  }

  /** Those that cannot be reached do not count: leaving them alone costs nothing. */
  mayEject(pool: Pool): boolean {
    const { ejectedMaxPercent } = this.passive
    if (ejectedMaxPercent === 0) return false
    const others = this.#pools.filter((other) => other !== pool && other.outlier.state === 'failing')
    if (others.length === 0) return true
    return ((weightOf(others) + pool.weight) / weightOf(this.#pools)) * 100 <= ejectedMaxPercent
  }

  healthChanged(pool: Pool): void {
    if (this.#closed) return
    const { state, onTrial } = pool.outlier
    if (state === 'unreachable') this.#targets.find(({ pools }) => pools.includes(pool))?.refresh()
    if (state === 'used' && onTrial) this.#warmth.begin(pool)
    this.#log.ejection(pool)
    this.#select()
  }

  poolsChanged(): void {
    if (!this.#closed) this.#follow()
  }

  unresolved({ url }: Target): void {
    this.#log.unresolved(url)
  }

  // What requests ask.

  pick(consumer: string | null, head: RequestHead | undefined): UpstreamTarget | null {
    this.#retries.earn()
    const target = this.load.takesRequest
      ? this.#choose(this.#keyOf(consumer, head), null, head?.address ?? null)
      : null
    if (target === null) this.#overloaded += 1
    return target
  }

  again(failed: UpstreamTarget, { unreachable, sent, reset, timedOut, repeatable }: Failure): UpstreamTarget | null {
    const { attemptsMax, onTimeout } = this.#reference.retries
    const isSafe = sent ? repeatable && (reset || (timedOut && onTimeout)) : unreachable
    if (attemptsMax < 2 || !isSafe || !this.#retries.isThere) return null
    const except = failed instanceof Pool || failed instanceof Target ? failed : null
    const key = Math.floor(this.#parts.random() * HASH_MAX)
    // What was sent may be sent again to the same target, over a new connection.
    const next = this.#choose(key, except, null) ?? (sent ? failed : null)
    if (next === null) return null
    this.#retries.spend()
    this.#retried += 1
    return next
  }

  // What releases ask.

  configure(reference: ServiceReference): void {
    const before = this.#reference
    if (before === reference) return
    this.#reference = reference
    this.load.bounds = reference.breaker
    this.concurrency.bounds = reference.overload
    this.#retries.percent = reference.retries.budgetPercent
    this.#warmth.slowStartMs = reference.balancing.slowStartMs
    if (before.balancing.algorithm !== reference.balancing.algorithm) {
      this.#first = createBalancer(reference.balancing.algorithm, this.#parts.random)
      this.#second = createBalancer(reference.balancing.algorithm, this.#parts.random)
    }
    if (!isSame(before.health.active, reference.health.active)) this.#stopChecks()
    if (before.protocol !== reference.protocol || !isSame(before.tls, reference.tls)) {
      for (const target of this.#targets) target.close()
      this.#targets = []
    }
    this.#begin()
  }

  state(): ServiceState {
    const { requests, pending, connections } = this.load
    return {
      environmentId: this.#environmentId,
      service: this.#reference.name,
      panic: this.#selection.panic,
      requests,
      pending,
      connections,
      retries: this.#retried,
      overloaded: this.#overloaded,
      concurrency: this.concurrency.state(),
      targets: this.#targets.flatMap((target) => this.#stateOf(target)),
    }
  }

  /** Ends what is idle; requests in flight are finished. */
  close(): void {
    this.#closed = true
    this.#stopChecks()
    this.#stopTls?.()
    for (const target of this.#targets) target.close()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.close()
    for (const target of this.#targets) target.destroy()
  }

  /** Takes the targets of the release over: those that stay, stay with their connections. */
  #begin(): void {
    const { names, env } = this.#parts
    const before = new Map(this.#targets.map((target) => [target.url, target]))
    const fresh: Target[] = []
    this.#targets = this.#reference.targets.map((compiled) => {
      const kept = before.get(compiled.url)
      before.delete(compiled.url)
      kept?.configure(compiled)
      const target = kept ?? new Target(this, compiled)
      if (kept === undefined) fresh.push(target)
      return target
    })
    for (const target of before.values()) target.close()
    for (const target of fresh) target.start(names)
    this.#follow()
    if (fresh.length === 0) return
    this.#stopTls?.()
    const isTls = this.#targets.some(({ url }) => url.startsWith('https:'))
    this.#stopTls = isTls ? followTargetTls(this.#reference.tls, env, (made) => this.#useTls(made)) : null
  }

  #useTls(made: TlsMade): void {
    if (made.kind === 'failed') this.#log.noTls(made.why)
    for (const target of this.#targets) target.useTls(made.kind === 'made' ? made.context : null)
  }

  /** The pools are others. */
  #follow(): void {
    this.#pools = this.#targets.flatMap(({ pools }) => pools)
    const { active } = this.#reference.health
    const checked = new Map<Pool, () => void>()
    for (const pool of this.#pools) {
      const stop = this.#checked.get(pool) ?? (active === null ? null : this.#check(pool, active))
      this.#checked.delete(pool)
      if (stop !== null) checked.set(pool, stop)
    }
    this.#stopChecks()
    this.#checked = checked
    this.#select()
  }

  #check(pool: Pool, rules: NonNullable<CompiledHealth['active']>): () => void {
    const { host } = new URL(pool.url)
    const subject = { address: pool.address, host, protocol: this.#reference.protocol }
    return this.#parts.checks.watch(subject, rules, (isHealthy, why) => {
      this.#log.check(pool, isHealthy, why)
      pool.failsChecks = !isHealthy
      if (isHealthy) {
        this.#warmth.begin(pool)
        pool.outlier.reachable()
      }
      this.#select()
    })
  }

  #stopChecks(): void {
    for (const [pool, stop] of this.#checked) {
      stop()
      pool.failsChecks = false
    }
    this.#checked = new Map()
  }

  #select(): void {
    const { balancing, health } = this.#reference
    const before = this.#selection.panic
    const rules = {
      panicPercent: health.panicPercent,
      zone: this.#parts.zone,
      zonePanicPercent: balancing.zonePanicPercent,
    }
    this.#selection = select(this.#pools, rules)
    this.#share()
    const { panic } = this.#selection
    // Where there is only one, nothing was given up.
    if (panic !== before && this.#pools.length > 1) this.#log.panic(panic)
  }

  /** Hands the balancers what they choose from. */
  #share(): void {
    this.#warmth.grown()
    for (const pool of this.#pools) pool.share = pool.weight * this.#warmth.of(pool)
    this.#first.use(this.#selection.first)
    this.#second.use(this.#selection.second)
  }

  /** @param address for which somebody else may have to give way; null: nobody does. */
  #choose(key: number, failed: Pool | Target | null, address: string | null): UpstreamTarget | null {
    if (this.#pools.length === 0) return this.#unready(failed)
    const except = failed instanceof Pool ? failed : null
    if (this.#warmth.isDue) this.#share()
    return this.#first.choose(key, except) ?? this.#second.choose(key, except) ?? this.#last(except, address)
  }

  /** Those that one request at a time tries take more when nobody else can. */
  #last(except: Pool | null, address: string | null): Pool | null {
    for (const pool of this.#selection.first) if (pool !== except && !pool.isFull) return pool
    if (address === null) return null
    for (const pool of this.#selection.first) if (pool.givesWay(address)) return pool
    return null
  }

  #unready(failed: Pool | Target | null): Target | null {
    for (let step = 0; step < this.#targets.length; step++) {
      this.#turn = this.#turn + 1 < this.#targets.length ? this.#turn + 1 : 0
      const target = this.#targets[this.#turn]
      if (target !== undefined && target !== failed) return target
    }
    return null
  }

  #keyOf(consumer: string | null, head: RequestHead | undefined): number {
    const { algorithm, hashOn, hashHeader } = this.#reference.balancing
    if (algorithm !== 'consistent_hash') return 0
    if (hashOn === 'consumer' && consumer !== null) return hashText(consumer)
    const value = hashOn === 'header' ? head?.header(hashHeader)[0] : undefined
    return hashText(value ?? head?.address ?? '')
  }

  #stateOf({ url, zone, pools }: Target): readonly TargetState[] {
    const idle = { requests: 0, connections: 0, ejections: 0 }
    if (pools.length === 0) return [{ target: url, address: null, zone, health: 'unresolved', warmth: 1, ...idle }]
    return pools.map((pool) => ({
      target: url,
      address: pool.address.host,
      zone,
      health: healthOf(pool),
      warmth: this.#warmth.of(pool),
      requests: pool.busy,
      connections: pool.connections,
      ejections: pool.outlier.ejections,
    }))
  }
}

function healthOf({ failsChecks, outlier: { state } }: Pool): TargetState['health'] {
  if (failsChecks) return 'failing_checks'
  return state === 'used' ? 'usable' : state
}

/** Of plain values in the same order, as `compile` makes them. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

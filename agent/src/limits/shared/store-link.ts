/**
 * A thread's link to the store of shared limits: calls with a deadline, and what all threads do when it does not answer.
 *
 * After one call without an answer the store counts as away for all threads, and no request waits for it any more. One
 * thread at a time then asks whether it is back, after pauses that grow and differ. When it is, all threads of all agents
 * first charge what they have admitted meanwhile, each at a moment of its own, and go on without it until all have: or the
 * first to come back would find a limit that nobody seems to have used. Then they ask it again, within a fifth of a second.
 *
 * The same question, every two seconds, is the beat by which the agents of a group are counted. Failing to beat takes an
 * agent out of the count after ten seconds; others then count with fewer, and lease more.
 *
 * @module
 */
import type { Log } from '@headgate/kit/log.ts'
import { type SharedLimitMemory, StoreState } from './memory.ts'
import type { RedisClient } from './redis-client.ts'
import { AGENT_GONE_MS, type Script, type Scripts } from './scripts.ts'

export interface StoreLinkOptions {
  readonly memory: SharedLimitMemory
  readonly client: RedisClient
  readonly scripts: Scripts
  /** Longest wait for one call, in milliseconds. */
  readonly deadlineMs: number
  /** What the operator calls the group; undefined: what the control plane calls it. */
  readonly group: string | undefined
  readonly monotonic: () => number
  readonly log: Log
  /** It was found away; by one thread of the agent. */
  readonly onAway: () => void
}

/** Pause between two beats, in milliseconds. */
export const BEAT_MS = 2_000
/** First pause between two probes while it is away, and the longest, in milliseconds. Each is 0.5 to 1.5 times as long. */
const PROBE_MS_MIN = 100
const PROBE_MS_MAX = 1_000
/** Threads come back within so many milliseconds of each other. */
const APART_MS_MAX = 200
/** Pause between two charges until then, in milliseconds. */
const CHARGE_MS = 250
/** Pause between two looks at whether it is time to beat or to probe, in milliseconds. */
const LOOK_MS = 50
/** A call that was given so much of the deadline, and has no answer, says that the store is away. */
const ENOUGH = 0.75
/** Group of agents that nobody gave one. */
const NO_GROUP = 'default'

export class StoreLink {
  readonly state: StoreState
  readonly scripts: Scripts
  readonly #options: StoreLinkOptions
  readonly #timer: NodeJS.Timeout
  readonly #onBack: ((aheadMs: number) => void)[] = []
  #periods: number
  #isBehind = false
  #comesBackMs = 0
  #chargesMs = 0
  #isAsking = false

  constructor(options: StoreLinkOptions) {
    this.#options = options
    this.scripts = options.scripts
    this.state = new StoreState(options.memory)
    this.state.use()
    this.#periods = this.state.periods
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#timer.unref()
  }

  get deadlineMs(): number {
    return this.#options.deadlineMs
  }

  get agents(): number {
    return this.state.agents
  }

  get group(): string {
    return this.#options.group ?? (this.state.group === '' ? NO_GROUP : this.state.group)
  }

  /** When this thread does without it since: it was found away then, or is back for others already. */
  get awaySinceMs(): number {
    return this.state.awaySinceMs
  }

  /** Whether requests may ask it. */
  get isUsable(): boolean {
    if (this.state.isAway) {
      this.#isBehind = true
      return false
    }
    if (this.#isBehind || this.state.periods !== this.#periods) this.#plan()
    return this.#comesBackMs === 0
  }

  /**
   * Called from when it was found again until this thread asks it again, to charge what was admitted without it, and what
   * may be within so many milliseconds.
   */
  onBack(call: (aheadMs: number) => void): void {
    this.#onBack.push(call)
  }

  /** Connects, beats once, and so learns how many agents there are. Resolves at the latest after so long. */
  async prepare(waitMs: number): Promise<void> {
    if ((await this.#options.client.connected(waitMs)) && !this.state.isAway) await this.#beat()
  }

  /**
   * Asks it.
   *
   * @param deadlineMs what is left of a request's time. A call that was given little says nothing about the store.
   * @returns null: there is no answer.
   */
  async call(
    script: Script,
    keys: readonly string[],
    args: readonly (string | number)[],
    deadlineMs = this.deadlineMs,
  ): Promise<readonly string[] | null> {
    const { client, monotonic } = this.#options
    const beganMs = monotonic()
    const reply = await client.run(script, keys, args, deadlineMs)
    this.state.countCall(monotonic() - beganMs, reply.kind === 'failed')
    if (reply.kind === 'answer') return reply.values
    if (deadlineMs >= this.deadlineMs * ENOUGH) this.#leave(reply.why)
    return null
  }

  /** What every script but the beat begins with. */
  head(holder: string): (string | number)[] {
    return [holder, this.state.forgotMs]
  }

  close(): void {
    clearInterval(this.#timer)
    this.#options.client.close()
  }

  #leave(why: string): void {
    const { monotonic, log, onAway, client } = this.#options
    if (this.state.leave(monotonic())) {
      log.warn({ why, agents: this.agents }, 'the store of shared limits is away: each limit follows its on_failure')
      onAway()
    }
    // What was sent and not answered may never be.
    client.reconnect()
  }

  /** It is back for all; this thread waits for its own moment. */
  #plan(): void {
    this.#isBehind = false
    this.#periods = this.state.periods
    const nowMs = this.#options.monotonic()
    const waitMs = Math.max(0, this.state.backAtMs - nowMs)
    this.#comesBackMs = nowMs + waitMs + Math.random() * APART_MS_MAX
    this.#chargesMs = nowMs + Math.random() * CHARGE_MS
  }

  #look(): void {
    const { monotonic } = this.#options
    const nowMs = monotonic()
    if (!this.isUsable && !this.state.isAway) {
      if (nowMs >= this.#comesBackMs) {
        this.#comesBackMs = 0
        this.#tellBack(0)
      } else if (nowMs >= this.#chargesMs) {
        this.#chargesMs = nowMs + CHARGE_MS
        // The last time with what may be admitted until all ask again: nobody is to find that too.
        this.#tellBack(this.#comesBackMs - nowMs < 2 * CHARGE_MS ? 2 * CHARGE_MS : 0)
      }
    }
    if (this.#isAsking) return
    const isDue = this.state.isAway ? this.state.mayProbe(nowMs, probePauseMs) : this.state.mayBeat(nowMs, BEAT_MS)
    if (!isDue) return
    this.#isAsking = true
    void this.#beat().finally(() => (this.#isAsking = false))
  }

  #tellBack(aheadMs: number): void {
    for (const call of this.#onBack) call(aheadMs)
  }

  async #beat(): Promise<void> {
    const { memory, log, monotonic } = this.#options
    const { group } = this
    const keys = [`hg:{${group}}:agents`, `hg:{${group}}:store`]
    const mark = this.state.mark === 0 ? '' : String(this.state.mark)
    const answer = await this.call(this.scripts.beat, keys, [memory.agent, mark, this.state.isAway ? 1 : 0])
    if (answer === null) return
    const [agents, newMark, forgot, waitMs] = answer.map(Number)
    // A store that came back, perhaps empty, knows all agents only when all have beaten again.
    const isWhole = !this.state.isAway && monotonic() - this.state.backAtMs > AGENT_GONE_MS
    const known = Math.max(1, agents ?? 1)
    this.state.learn(isWhole ? known : Math.max(known, this.agents), newMark ?? 0, forgot ?? 0)
    const awaySinceMs = this.awaySinceMs
    if (this.state.comeBack(monotonic() + (waitMs ?? 0))) {
      const awayMs = Math.round(monotonic() - awaySinceMs)
      log.info({ away_ms: awayMs, agents: this.agents }, 'the store of shared limits is back')
    }
  }
}

function probePauseMs(probes: number): number {
  return Math.min(PROBE_MS_MAX, PROBE_MS_MIN * 2 ** Math.min(probes, 10)) * (0.5 + Math.random())
}

/**
 * What all threads of an agent know together about the store of shared limits: whether it is away, how many agents count
 * with it, and what its calls took.
 *
 * One thread that finds the store away says so to all by one word, so no further request waits for it.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { createLeaseMemory, type LeaseMemory } from './lease-table.ts'
import { createLocalMemory, type LocalMemory } from '#agent/limits/memory.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface SharedLimitMemory {
  readonly buffer: SharedArrayBuffer
  readonly leases: LeaseMemory
  /** Counters of this agent's share while the store is away. */
  readonly share: LocalMemory
  /** Who this process is among the agents of its group. */
  readonly agent: string
}

/** Upper bounds of the buckets of what calls took, in milliseconds; one more bucket is above all. */
export const CALL_BOUNDS_MS = [1, 2, 5, 10, 20, 50, 100] as const

const WORDS = {
  away: 0,
  agents: 1,
  periods: 2,
  probes: 3,
  nextProbe: 4,
  nextBeat: 5,
  groupLength: 6,
  inUse: 7,
} as const
const WORD_BYTES = 64
const NUMBERS = { awaySince: 0, forgot: 1, mark: 2, longestMs: 3, backAt: 4 } as const
const NUMBER_BYTES = 40
const COUNTS = { calls: 0, errors: 1, microseconds: 2, buckets: 3 } as const
const COUNT_BYTES = (COUNTS.buckets + CALL_BOUNDS_MS.length + 1) * 8
/** Longest name of a group, in bytes. */
const GROUP_BYTES = 256
/** Keys that are counted locally while the store is away. */
const SHARE_KEYS_MAX = 50_000

export function createSharedLimitMemory(): SharedLimitMemory {
  return {
    buffer: new SharedArrayBuffer(WORD_BYTES + NUMBER_BYTES + COUNT_BYTES + GROUP_BYTES),
    leases: createLeaseMemory(),
    share: createLocalMemory(SHARE_KEYS_MAX),
    agent: randomBytes(12).toString('base64url'),
  }
}

/** How it stands with the store, for metrics and people. */
export interface StoreStatus {
  /** `unused`: no shared limit is live. */
  readonly state: 'unused' | 'up' | 'away'
  /** How long it is away, in milliseconds; 0: it is not. */
  readonly awayMs: number
  readonly agents: number
  readonly calls: number
  readonly errors: number
  readonly callMsSum: number
  readonly callMsLongest: number
  /** Calls by what they took: `CALL_BOUNDS_MS`, then those above. */
  readonly buckets: readonly number[]
}

/** A thread's view. Times are of the process's monotonic clock, in milliseconds. */
export class StoreState {
  readonly #words: Int32Array
  readonly #numbers: Float64Array
  readonly #counts: BigInt64Array
  readonly #group: Uint8Array

  constructor({ buffer }: Pick<SharedLimitMemory, 'buffer'>) {
    this.#words = new Int32Array(buffer, 0, WORD_BYTES / 4)
    this.#numbers = new Float64Array(buffer, WORD_BYTES, NUMBER_BYTES / 8)
    this.#counts = new BigInt64Array(buffer, WORD_BYTES + NUMBER_BYTES, COUNT_BYTES / 8)
    this.#group = new Uint8Array(buffer, WORD_BYTES + NUMBER_BYTES + COUNT_BYTES, GROUP_BYTES)
  }

  get isAway(): boolean {
    return Atomics.load(this.#words, WORDS.away) === 1
  }

  /** When the store was found away last. */
  get awaySinceMs(): number {
    return this.#numbers[NUMBERS.awaySince] ?? 0
  }

  /** How often the store was away and came back. */
  get periods(): number {
    return Atomics.load(this.#words, WORDS.periods)
  }

  /** Agents of the group, as known last; 1 at least. */
  get agents(): number {
    return Math.max(1, Atomics.load(this.#words, WORDS.agents))
  }

  /** Since when the store had forgotten what it knew, in milliseconds of its own clock; 0: it has not. */
  get forgotMs(): number {
    return this.#numbers[NUMBERS.forgot] ?? 0
  }

  /** By what the store is known again; 0: nobody knows it yet. */
  get mark(): number {
    return this.#numbers[NUMBERS.mark] ?? 0
  }

  /** Empty: not known. */
  get group(): string {
    return Buffer.from(this.#group.slice(0, Atomics.load(this.#words, WORDS.groupLength))).toString('utf8')
  }

  /** Longer names are cut: they are names of ours, which are shorter. */
  useGroup(name: string): void {
    const { written } = new TextEncoder().encodeInto(name, this.#group)
    Atomics.store(this.#words, WORDS.groupLength, written)
  }

  /** A shared limit is live somewhere. */
  use(): void {
    Atomics.store(this.#words, WORDS.inUse, 1)
  }

  /** There is no store, and one is needed. @returns whether nobody had said so before. */
  lack(): boolean {
    Atomics.store(this.#words, WORDS.away, 1)
    return Atomics.compareExchange(this.#words, WORDS.inUse, 0, 1) === 0
  }

  /** @returns whether nobody had said so before. */
  leave(nowMs: number): boolean {
    if (Atomics.load(this.#words, WORDS.away) === 1) return false
    // Before the word, for whoever reads it behind the word.
    this.#numbers[NUMBERS.awaySince] = nowMs
    if (Atomics.compareExchange(this.#words, WORDS.away, 0, 1) !== 0) return false
    Atomics.store(this.#words, WORDS.probes, 0)
    return true
  }

  /** When all threads ask it again. */
  get backAtMs(): number {
    return this.#numbers[NUMBERS.backAt] ?? 0
  }

  /** @returns whether nobody had said so before. */
  comeBack(backAtMs: number): boolean {
    // Before the word, for whoever reads it behind the word.
    this.#numbers[NUMBERS.backAt] = backAtMs
    if (Atomics.compareExchange(this.#words, WORDS.away, 1, 0) !== 1) return false
    Atomics.add(this.#words, WORDS.periods, 1)
    return true
  }

  learn(agents: number, mark: number, forgotMs: number): void {
    Atomics.store(this.#words, WORDS.agents, agents)
    this.#numbers[NUMBERS.mark] = mark
    this.#numbers[NUMBERS.forgot] = forgotMs
  }

  /** One thread is let through, and the next when so many milliseconds have passed. */
  mayBeat(nowMs: number, everyMs: number): boolean {
    return this.#turn(WORDS.nextBeat, nowMs, everyMs)
  }

  /** The same, with pauses that grow: `pauseMs` is given how many probes there were. */
  mayProbe(nowMs: number, pauseMs: (probes: number) => number): boolean {
    if (!this.#turn(WORDS.nextProbe, nowMs, pauseMs(Atomics.load(this.#words, WORDS.probes)))) return false
    Atomics.add(this.#words, WORDS.probes, 1)
    return true
  }

  #turn(word: number, nowMs: number, everyMs: number): boolean {
    const now = Math.floor(nowMs) | 0
    const next = Atomics.load(this.#words, word)
    // Of 32 bits, which go round: only differences count.
    if (next !== 0 && ((now - next) | 0) < 0) return false
    return Atomics.compareExchange(this.#words, word, next, (now + Math.ceil(everyMs)) | 0 || 1) === next
  }

  countCall(tookMs: number, failed: boolean): void {
    Atomics.add(this.#counts, COUNTS.calls, 1n)
    if (failed) Atomics.add(this.#counts, COUNTS.errors, 1n)
    Atomics.add(this.#counts, COUNTS.microseconds, BigInt(Math.round(tookMs * 1_000)))
    const bucket = CALL_BOUNDS_MS.findIndex((bound) => tookMs <= bound)
    Atomics.add(this.#counts, COUNTS.buckets + (bucket === -1 ? CALL_BOUNDS_MS.length : bucket), 1n)
    if (tookMs > (this.#numbers[NUMBERS.longestMs] ?? 0)) this.#numbers[NUMBERS.longestMs] = tookMs
  }

  status(nowMs: number): StoreStatus {
    const count = (at: number): number => Number(Atomics.load(this.#counts, at))
    const { isAway } = this
    return {
      state: Atomics.load(this.#words, WORDS.inUse) === 0 ? 'unused' : isAway ? 'away' : 'up',
      awayMs: isAway ? nowMs - this.awaySinceMs : 0,
      agents: this.agents,
      calls: count(COUNTS.calls),
      errors: count(COUNTS.errors),
      callMsSum: count(COUNTS.microseconds) / 1_000,
      callMsLongest: this.#numbers[NUMBERS.longestMs] ?? 0,
      buckets: Array.from({ length: CALL_BOUNDS_MS.length + 1 }, (_, index) => count(COUNTS.buckets + index)),
    }
  }
}

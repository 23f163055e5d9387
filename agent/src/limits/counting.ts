/**
 * How a demand of each algorithm is counted in the tables that all threads share: one object for each algorithm.
 *
 * @module
 */
import {
  type CompiledLimit,
  costMs,
  gcra,
  gcraCharge,
  gcraPeek,
  type LimitDemand,
  type LimitOutcome,
} from '@headgate/core'
import type { HashBeginning } from './key-places.ts'
import { HeldTable } from './held-table.ts'
import { QuotaTable, quotaStep, UTC_DAY } from './quota-table.ts'
import { LimitTable } from './table.ts'
import { WindowTable, windowStep } from './window-table.ts'

/** The counters of one algorithm. `beginning` is that of the limit in its table. */
export interface Counting {
  /** How the keys of a limit begin, which holds no space: a limit that counts in another way than before begins anew. */
  beginning(name: string, limit: CompiledLimit): HashBeginning
  /** @returns null: it cannot be counted. */
  take(beginning: HashBeginning, demand: LimitDemand, time: Times): LimitOutcome | null
  /** What is left, without taking. */
  state(beginning: HashBeginning, demand: LimitDemand, time: Times): LimitOutcome
  giveBack(beginning: HashBeginning, demand: LimitDemand, time: Times): void
  /** Takes units that have passed already. */
  charge(beginning: HashBeginning, demand: LimitDemand, time: Times, units: number): void
  /** Another request begins: the counters of the one before may be taken over. */
  forget(): void
}

/** What time it is, in milliseconds: since 1970-01-01 UTC, and of the monotonic clock that all threads share. */
export interface Times {
  readonly now: number
  readonly monotonic: number
}

/** Whoever is faster has moved on, so one more try is mostly enough. Without a bound, a bug here would block a thread. */
const TRIES_MAX = 1_000

/** Counters of the present request, which must not take each other's place. */
abstract class Keeping {
  protected readonly kept: number[] = []
  protected keptCount = 0

  forget(): void {
    this.keptCount = 0
  }

  protected keep(at: number): void {
    this.kept[this.keptCount++] = at
  }
}

/**
 * A counter is moved on only from the number that the decision was made with: whoever finds it moved by another thread
 * decides anew.
 */
export class RateCounting extends Keeping implements Counting {
  readonly #table: LimitTable

  constructor(table: LimitTable) {
    super()
    this.#table = table
  }

  beginning(name: string): HashBeginning {
    return this.#table.beginning(`${name} `)
  }

  take(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { monotonic }: Times): LimitOutcome | null {
    const table = this.#table
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const at = table.find(beginning, key, monotonic, this.kept, this.keptCount)
      const { tag } = table
      const bits = table.bits(at)
      const result = gcra(table.numberOf(bits), monotonic, limit, cost)
      if (!result.allowed || cost === 0) return result
      if (!table.exchange(at, bits, result.tatMs)) continue
      if (table.belongs(at, tag)) {
        this.keep(at)
        return result
      }
      // Taken over by another key between the look and the exchange.
      table.giveBack(at, costMs(limit, cost))
    }
    return null
  }

  state(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { monotonic }: Times): LimitOutcome {
    const at = this.#table.peek(beginning, key)
    const tatMs = at === -1 ? 0 : this.#table.numberOf(this.#table.bits(at))
    return gcraPeek(tatMs, monotonic, limit, cost)
  }

  giveBack(beginning: HashBeginning, { limit, key, cost }: LimitDemand): void {
    const at = this.#table.peek(beginning, key)
    if (at !== -1) this.#table.giveBack(at, costMs(limit, cost))
  }

  charge(beginning: HashBeginning, { limit, key }: LimitDemand, { monotonic }: Times, units: number): void {
    const table = this.#table
    const at = table.find(beginning, key, monotonic, this.kept, this.keptCount)
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const bits = table.bits(at)
      if (table.exchange(at, bits, gcraCharge(table.numberOf(bits), monotonic, limit, units))) return
    }
  }
}

export class WindowCounting extends Keeping implements Counting {
  readonly #table: WindowTable

  constructor(table: WindowTable) {
    super()
    this.#table = table
  }

  beginning(name: string, limit: CompiledLimit): HashBeginning {
    return this.#table.beginning(`${name} ${limit.windowMs} ${windowStep(limit)} `)
  }

  take(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { monotonic }: Times): LimitOutcome | null {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const at = this.#table.find(beginning, key, monotonic, this.kept, this.keptCount)
      const outcome = this.#table.take(at, this.#table.tag, monotonic, limit, cost)
      if (outcome === null) continue
      this.keep(at)
      return outcome
    }
    return null
  }

  state(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { monotonic }: Times): LimitOutcome {
    return this.#table.state(this.#table.peek(beginning, key), monotonic, limit, cost)
  }

  giveBack(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { monotonic }: Times): void {
    const at = this.#table.peek(beginning, key)
    if (at !== -1) this.#table.giveBack(at, monotonic, limit, cost)
  }

  charge(beginning: HashBeginning, { limit, key }: LimitDemand, { monotonic }: Times, units: number): void {
    const at = this.#table.find(beginning, key, monotonic, this.kept, this.keptCount)
    this.#table.charge(at, monotonic, limit, units)
  }
}

export class QuotaCounting extends Keeping implements Counting {
  readonly #table: QuotaTable

  constructor(table: QuotaTable) {
    super()
    this.#table = table
  }

  beginning(name: string, limit: CompiledLimit): HashBeginning {
    const { period, zone } = limit.calendar ?? UTC_DAY
    return this.#table.beginning(`${name} ${period} ${zone} ${quotaStep(limit)} `)
  }

  take(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { now }: Times): LimitOutcome | null {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const at = this.#table.find(beginning, key, now, this.kept, this.keptCount)
      const outcome = this.#table.take(at, this.#table.tag, now, limit, cost)
      if (outcome === null) continue
      this.keep(at)
      return outcome
    }
    return null
  }

  state(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { now }: Times): LimitOutcome {
    return this.#table.state(this.#table.peek(beginning, key), now, limit, cost)
  }

  giveBack(beginning: HashBeginning, { limit, key, cost }: LimitDemand, { now }: Times): void {
    const at = this.#table.peek(beginning, key)
    if (at !== -1) this.#table.charge(at, now, limit, -cost)
  }

  charge(beginning: HashBeginning, { limit, key }: LimitDemand, { now }: Times, units: number): void {
    const at = this.#table.find(beginning, key, now, this.kept, this.keptCount)
    this.#table.charge(at, now, limit, units)
  }
}

/** A counter that is held is not taken over, so there is nothing to keep. */
export class HeldCounting implements Counting {
  readonly #table: HeldTable

  constructor(table: HeldTable) {
    this.#table = table
  }

  beginning(name: string): HashBeginning {
    return this.#table.beginning(`${name} `)
  }

  take(beginning: HashBeginning, { limit, key }: LimitDemand): LimitOutcome | null {
    return this.#table.take(beginning, key, limit)
  }

  state(beginning: HashBeginning, { limit, key }: LimitDemand): LimitOutcome {
    return this.#table.state(beginning, key, limit)
  }

  giveBack(beginning: HashBeginning, { key }: LimitDemand): void {
    this.#table.giveBack(beginning, key)
  }

  charge(): void {}

  forget(): void {}
}

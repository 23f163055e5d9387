/**
 * What an allowed request still owes to its limits, and is owed by them: places that it holds are given back, and bytes
 * that passed are charged.
 *
 * However a request ends, its settlement is ended, and counts the first time only. Most requests have none.
 *
 * @module
 */
import type { Decision, LimitDemand } from '@headgate/core'
import type { Limits } from '#agent/limits/port.ts'

export class Settlement {
  readonly #limits: Limits
  readonly #environmentId: string
  readonly #demands: readonly LimitDemand[]
  /** Of them those that count bytes; null: nobody has looked. */
  #ofBytes: readonly LimitDemand[] | null = null
  #chargedBytes = 0
  #isOver = false

  constructor(limits: Limits, environmentId: string, demands: readonly LimitDemand[]) {
    this.#limits = limits
    this.#environmentId = environmentId
    this.#demands = demands
  }

  /** Charges what has passed of a request that goes on. @param bytes of both bodies, from its beginning. */
  charge(bytes: number): void {
    if (this.#isOver || bytes <= this.#chargedBytes) return
    this.#ofBytes ??= this.#demands.filter(({ limit }) => limit.unit === 'bytes')
    if (this.#ofBytes.length > 0) this.#limits.settle(this.#environmentId, this.#ofBytes, bytes - this.#chargedBytes)
    this.#chargedBytes = bytes
  }

  /** The request has ended. @param bytes of both bodies, from its beginning. */
  end(bytes: number): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#limits.settle(this.#environmentId, this.#demands, bytes - this.#chargedBytes)
  }
}

/** @returns null: nothing is left to do. */
export function settlementOf(limits: Limits, environmentId: string, { unsettled }: Decision): Settlement | null {
  return unsettled.length === 0 ? null : new Settlement(limits, environmentId, unsettled)
}

/**
 * What requests teach about the health of one address, and how long it is left alone for it.
 *
 * An address that cannot be reached is left alone at once: nothing was sent to it, so nothing is lost by that. One that
 * answers badly several times in a row is left alone when the service allows it. Afterwards one request at a time tries
 * it, and only a good answer makes it one like the others. Each time in a row takes twice as long as the one before.
 *
 * @module
 */
import type { CompiledHealth } from '@headgate/core'
import { Timed, type Wheel } from '#agent/http/wheel.ts'

/** Longest time compared with the first one. */
const GROWTH_MAX = 8

/** What the address belongs to. */
export interface OutlierOwner {
  readonly passive: CompiledHealth['passive']
  /** Whether one more may be left alone for how it answers. */
  mayEject(outlier: Outlier): boolean
  /** `state` or `onTrial` has changed. */
  changed(outlier: Outlier): void
}

/** Why it is left alone; `used`: it is not. */
export type OutlierState = 'used' | 'unreachable' | 'failing'

export class Outlier extends Timed {
  state: OutlierState = 'used'
  /** It was left alone and has not answered well since. */
  onTrial = false
  /** How often it was left alone, in all. */
  ejections = 0
  readonly #wheel: Wheel
  readonly #owner: OutlierOwner
  #failures = 0
  #failedMs = 0
  /** How often in a row it was left alone. */
  #inRow = 0
  #returnedMs = 0
  #ejectMs = 0

  constructor(wheel: Wheel, owner: OutlierOwner) {
    super()
    this.#wheel = wheel
    this.#owner = owner
  }

  /** It answered, and well. */
  succeeded(): void {
    if (this.#failures === 0 && !this.onTrial) return
    this.#failures = 0
    if (this.state !== 'used' || !this.onTrial) return
    this.onTrial = false
    this.#owner.changed(this)
  }

  /** It broke off, answered badly, or did not answer in time. */
  failed(): void {
    const { nowMs } = this.#wheel
    const { failures, windowMs } = this.#owner.passive
    this.#failures = nowMs - this.#failedMs > windowMs ? 1 : this.#failures + 1
    this.#failedMs = nowMs
    if (this.state !== 'used' || (this.#failures < failures && !this.onTrial)) return
    if (this.#owner.mayEject(this)) this.#eject('failing')
  }

  /** No connection could be made. */
  unreachable(): void {
    if (this.state === 'used') this.#eject('unreachable')
  }

  /** It was found to be reachable by other means. */
  reachable(): void {
    if (this.state === 'unreachable') this.#return()
  }

  override expired(): void {
    this.#return()
  }

  /** Nothing is learnt of it any more. */
  forget(): void {
    this.#wheel.remove(this)
  }

  #eject(state: OutlierState): void {
    const { nowMs } = this.#wheel
    const { ejectMs } = this.#owner.passive
    // Who did well for as long as it was left alone begins anew.
    const isInRow = this.onTrial || nowMs - this.#returnedMs < this.#ejectMs
    this.#inRow = isInRow ? this.#inRow + 1 : 0
    this.#ejectMs = ejectMs * Math.min(GROWTH_MAX, 2 ** this.#inRow)
    this.state = state
    this.onTrial = true
    this.ejections += 1
    this.#failures = 0
    this.#wheel.set(this, this.#ejectMs)
    this.#owner.changed(this)
  }

  #return(): void {
    if (this.state === 'used') return
    this.state = 'used'
    this.#returnedMs = this.#wheel.nowMs
    this.#wheel.clear(this)
    this.#owner.changed(this)
  }
}

/**
 * How many requests are tried a second time: so many per hundred, so that an outage is not doubled by us.
 *
 * @module
 */

/** Second attempts that may be saved up, so that the first requests of a quiet service have one. */
const SAVED_MAX = 20

export class RetryBudget {
  percent: number
  #saved = SAVED_MAX

  constructor(percent: number) {
    this.percent = percent
  }

  /** A request begins. */
  earn(): void {
    this.#saved = Math.min(SAVED_MAX, this.#saved + this.percent / 100)
  }

  get isThere(): boolean {
    return this.percent > 0 && this.#saved >= 1
  }

  spend(): void {
    this.#saved -= 1
  }
}

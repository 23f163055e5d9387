/**
 * Says what becomes of the targets of a service: each change once, however often it is seen.
 *
 * @module
 */
import type { Log } from '@headgate/kit/log.ts'
import type { Pool } from '#agent/upstream/pool.ts'

export class HealthLog {
  readonly #log: Log
  readonly #about: { readonly environment_id: string; readonly service: string }
  /** Addresses that were said to be left alone. */
  readonly #told = new WeakSet<Pool>()

  constructor(log: Log, environmentId: string, service: string) {
    this.#log = log
    this.#about = { environment_id: environmentId, service }
  }

  ejection(pool: Pool): void {
    const { state, onTrial } = pool.outlier
    if (state !== 'used' && !this.#told.has(pool)) {
      this.#told.add(pool)
      this.#log.warn({ ...this.#of(pool), why: state }, 'a target is left alone')
    } else if (state === 'used' && !onTrial && this.#told.delete(pool)) {
      this.#log.info(this.#of(pool), 'a target works again')
    }
  }

  check(pool: Pool, isHealthy: boolean, why: string | null): void {
    if (isHealthy) this.#log.info(this.#of(pool), 'a target passes its checks')
    else this.#log.warn({ ...this.#of(pool), why }, 'a target does not pass its checks')
  }

  panic(isPanic: boolean): void {
    if (isPanic) this.#log.warn(this.#about, 'too few targets are usable: all are used')
    else this.#log.info(this.#about, 'enough targets are usable again')
  }

  unresolved(url: string): void {
    this.#log.warn({ ...this.#about, target: url }, 'the name of a target has no address')
  }

  /** @param why never holds a key. */
  noTls(why: string): void {
    this.#log.error({ ...this.#about, why }, 'targets cannot be connected to')
  }

  #of({ url, address }: Pool): object {
    return { ...this.#about, target: url, address: address.host }
  }
}

/**
 * Deals the columns of the table of sources out to threads, and clears each when its thread is gone.
 *
 * @module
 */
import type { AdmissionSeat } from './admission.ts'
import { type AdmissionMemory, forgetThread } from './admission-table.ts'

/** @param threads that serve at a time. While one is replaced there are two for its place. */
export const columnsFor = (threads: number): number => 2 * threads + 1

export class AdmissionSeats {
  readonly #memory: AdmissionMemory
  readonly #free: number[]
  /** For threads beyond all expectation, together: nobody can say who held what in it, so it is never cleared. */
  readonly #shared: number

  constructor(memory: AdmissionMemory) {
    this.#memory = memory
    this.#shared = memory.threads - 1
    this.#free = Array.from({ length: this.#shared }, (_, thread) => thread)
  }

  take(): AdmissionSeat {
    return { memory: this.#memory, thread: this.#free.shift() ?? this.#shared }
  }

  /** Only when the thread is gone. */
  giveBack({ memory, thread }: AdmissionSeat): void {
    if (thread === this.#shared) return
    forgetThread(memory, thread)
    this.#free.push(thread)
  }
}

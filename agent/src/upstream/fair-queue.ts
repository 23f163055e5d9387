/**
 * Who waits for a connection to a target: one line for each source address, served in turn.
 *
 * In one line for all, whoever comes with a thousand requests is served a thousand times before the next one. Within an
 * address, who came first is served first.
 *
 * @module
 */
import type { Caller } from '#agent/http/service-connection.ts'

interface Waiting {
  readonly caller: Caller
  readonly sinceMs: number
}

export class FairQueue {
  /** In the order in which they are served next. None is empty. */
  readonly #lines = new Map<string, Waiting[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Source addresses of those who wait. */
  addresses(): Iterable<string> {
    return this.#lines.keys()
  }

  push(caller: Caller, nowMs: number): void {
    const line = this.#lines.get(caller.address)
    const waiting = { caller, sinceMs: nowMs }
    if (line === undefined) this.#lines.set(caller.address, [waiting])
    else line.push(waiting)
    this.#size += 1
  }

  /** Takes the next one out. */
  shift(): Caller | null {
    for (const [address, line] of this.#lines) {
      const waiting = line.shift()
      this.#lines.delete(address)
      // The others of the address wait for its next turn.
      if (line.length > 0) this.#lines.set(address, line)
      this.#size -= 1
      return waiting?.caller ?? null
    }
    return null
  }

  /** @returns whether it was there. */
  remove(caller: Caller): boolean {
    const line = this.#lines.get(caller.address)
    const index = line?.findIndex((waiting) => waiting.caller === caller) ?? -1
    if (line === undefined || index === -1) return false
    this.#take(caller.address, line, index)
    return true
  }

  /**
   * Takes out who came last of the longest line, for a newcomer whose own line is shorter by two or more: so that it is
   * not as long afterwards.
   *
   * @returns null: nobody gives way.
   */
  giveWay(address: string): Caller | null {
    const longest = this.#longerThan(address)
    return longest === null ? null : this.#take(...longest, longest[1].length - 1)
  }

  /** Whether somebody would. */
  givesWay(address: string): boolean {
    return this.#longerThan(address) !== null
  }

  /** Takes out one that waits since then or longer; null: there is none. */
  takeWaitingSince(sinceMs: number): Caller | null {
    for (const [address, line] of this.#lines) {
      if ((line[0]?.sinceMs ?? Number.POSITIVE_INFINITY) <= sinceMs) return this.#take(address, line, 0)
    }
    return null
  }

  clear(): void {
    this.#lines.clear()
    this.#size = 0
  }

  #longerThan(address: string): readonly [string, Waiting[]] | null {
    let longest: readonly [string, Waiting[]] | null = null
    for (const entry of this.#lines) if (entry[1].length > (longest?.[1].length ?? 0)) longest = entry
    const own = this.#lines.get(address)?.length ?? 0
    return longest !== null && longest[1].length >= own + 2 ? longest : null
  }

  #take(address: string, line: Waiting[], index: number): Caller | null {
    const [waiting] = line.splice(index, 1)
    if (line.length === 0) this.#lines.delete(address)
    this.#size -= 1
    return waiting?.caller ?? null
  }
}

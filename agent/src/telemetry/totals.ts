/**
 * Counters that are counted on several threads and read on one.
 *
 * Each thread counts in slots of its own, which costs the request path nothing, and says from time to time what has
 * come since it said so last. A thread that dies takes along what it had not said.
 *
 * @module
 */
import type { Slot, Slots } from './metrics.ts'

/** What exporters read. */
export type Counters = Pick<Slots, 'all' | 'malformed'>

/** What came since the last time. */
export interface CounterDelta {
  readonly slots: readonly Slot[]
  /** By reason. */
  readonly malformed: readonly (readonly [reason: string, count: number])[]
}

/** @returns what came since it was called last, each time. */
export function createCounterFeed(counters: Counters): () => CounterDelta {
  const told = new Map<Slot, Slot>()
  const malformedTold = new Map<string, number>()
  return () => {
    const slots: Slot[] = []
    for (const slot of counters.all) {
      const before = told.get(slot)
      if (before?.requests === slot.requests) continue
      const now = { ...slot, buckets: slot.buckets.slice() }
      told.set(slot, now)
      slots.push(before === undefined ? now : difference(now, before))
    }
    const reasons: [string, number][] = []
    for (const [reason, count] of counters.malformed) {
      const since = count - (malformedTold.get(reason) ?? 0)
      if (since === 0) continue
      malformedTold.set(reason, count)
      reasons.push([reason, since])
    }
    return { slots, malformed: reasons }
  }
}

function difference(now: Slot, before: Slot): Slot {
  return {
    ...now,
    requests: now.requests - before.requests,
    durationMsSum: now.durationMsSum - before.durationMsSum,
    buckets: now.buckets.map((count, index) => count - (before.buckets[index] ?? 0)),
  }
}

export interface Totals extends Counters {
  add(delta: CounterDelta): void
}

/** The sum of what all threads have said. */
export function createTotals(): Totals {
  const all: Slot[] = []
  const byName = new Map<string, Slot>()
  const malformed = new Map<string, number>()
  return {
    all,
    malformed,
    add: (delta) => {
      for (const slot of delta.slots) {
        const { environmentId, route, reason, statusClass } = slot
        // Names hold no space, and the last one is a digit.
        const name = `${environmentId} ${route} ${reason} ${statusClass}`
        const total = byName.get(name)
        if (total === undefined) {
          byName.set(name, slot)
          all.push(slot)
          continue
        }
        total.requests += slot.requests
        total.durationMsSum += slot.durationMsSum
        for (const [index, count] of slot.buckets.entries()) total.buckets[index] = (total.buckets[index] ?? 0) + count
      }
      for (const [reason, count] of delta.malformed) malformed.set(reason, (malformed.get(reason) ?? 0) + count)
    },
  }
}

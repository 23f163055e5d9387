/**
 * Counters that are counted on several threads and read on one.
 *
 * Each thread counts in slots of its own, which costs the request path nothing, and says from time to time what has
 * come since it said so last. A thread that dies takes along what it had not said.
 *
 * @module
 */
import { type CredentialNews, CredentialNotes } from './credential-notes.ts'
import { LimitCounts, type LimitNews } from './limit-counts.ts'
import { DURATION_BOUNDS_S, type Slot, type Slots } from './metrics.ts'

/** What exporters read. */
export type Counters = Pick<Slots, 'all' | 'malformed' | 'events' | 'credentials' | 'limits'>

/**
 * What came since the last time. A thread says it while requests wait: so all numbers are one array, and a slot is one
 * text, which are handed over many times faster than an object for each.
 */
export interface CounterDelta {
  /** Of the slots that have counted. */
  readonly names: readonly string[]
  /** For each of them: requests, sum of durations in milliseconds, and the buckets. */
  readonly numbers: Float64Array
  /** By reason. */
  readonly malformed: readonly (readonly [reason: string, count: number])[]
  readonly events: readonly (readonly [name: string, count: number])[]
  readonly credentials: CredentialNews
  readonly limits: LimitNews
}

const BUCKETS = 2
/** Numbers of one slot. */
const WIDTH = BUCKETS + DURATION_BOUNDS_S.length + 1

/** @returns what came since it was called last, each time. */
export function createCounterFeed(counters: Counters): () => CounterDelta {
  const told = new Map<Slot, { readonly name: string; readonly numbers: Float64Array }>()
  const malformedTold = new Map<string, number>()
  const eventsTold = new Map<string, number>()

  function beginSlot(slot: Slot): { readonly name: string; readonly numbers: Float64Array } {
    const begun = { name: nameOf(slot), numbers: new Float64Array(WIDTH) }
    told.set(slot, begun)
    return begun
  }

  return () => {
    const { all } = counters
    const names: string[] = []
    const numbers = new Float64Array(all.length * WIDTH)
    for (const slot of all) {
      const before = told.get(slot) ?? beginSlot(slot)
      if (before.numbers[0] === slot.requests) continue
      const at = names.push(before.name) * WIDTH - WIDTH
      for (let index = 0; index < WIDTH; index++) {
        const now = numberOf(slot, index)
        numbers[at + index] = now - (before.numbers[index] ?? 0)
        before.numbers[index] = now
      }
    }
    const reasons = since(counters.malformed, malformedTold)
    const events = since(counters.events, eventsTold)
    // Whoever is handed a part of an array is handed all of it.
    return {
      names,
      numbers: numbers.slice(0, names.length * WIDTH),
      events,
      malformed: reasons,
      credentials: counters.credentials.take(),
      limits: counters.limits.news(),
    }
  }
}

/** What has come to each count, and notes that it was told. */
function since(counts: ReadonlyMap<string, number>, told: Map<string, number>): readonly [string, number][] {
  const news: [string, number][] = []
  for (const [name, count] of counts) {
    const more = count - (told.get(name) ?? 0)
    if (more === 0) continue
    told.set(name, count)
    news.push([name, more])
  }
  return news
}

function numberOf({ requests, durationMsSum, buckets }: Slot, index: number): number {
  if (index === 0) return requests
  return index === 1 ? durationMsSum : (buckets[index - BUCKETS] ?? 0)
}

/** Names of the configuration hold no space, and neither do reasons. */
function nameOf({ environmentId, route, reason, statusClass }: Slot): string {
  return `${environmentId} ${route} ${reason} ${statusClass}`
}

function slotOf(name: string): Slot {
  const [environmentId = '', route = '', reason = '', statusClass] = name.split(' ')
  const buckets = new Float64Array(WIDTH - BUCKETS)
  return { environmentId, route, reason, statusClass: Number(statusClass), requests: 0, durationMsSum: 0, buckets }
}

export interface Totals extends Counters {
  add(delta: CounterDelta): void
}

/** The sum of what all threads have said. */
export function createTotals(): Totals {
  const all: Slot[] = []
  const byName = new Map<string, Slot>()
  const malformed = new Map<string, number>()
  const events = new Map<string, number>()
  const credentials = new CredentialNotes()
  const limits = new LimitCounts()

  function beginTotal(name: string): Slot {
    const total = slotOf(name)
    byName.set(name, total)
    all.push(total)
    return total
  }

  return {
    all,
    malformed,
    events,
    credentials,
    limits,
    add: ({ names, numbers, events: happened, malformed: reasons, credentials: news, limits: taken }) => {
      credentials.add(news)
      limits.add(taken)
      for (const [index, name] of names.entries()) {
        const total = byName.get(name) ?? beginTotal(name)
        const at = index * WIDTH
        total.requests += numbers[at] ?? 0
        total.durationMsSum += numbers[at + 1] ?? 0
        const { buckets } = total
        for (let bucket = 0; bucket < buckets.length; bucket++) {
          buckets[bucket] = (buckets[bucket] ?? 0) + (numbers[at + BUCKETS + bucket] ?? 0)
        }
      }
      for (const [name, count] of happened) events.set(name, (events.get(name) ?? 0) + count)
      for (const [reason, count] of reasons) malformed.set(reason, (malformed.get(reason) ?? 0) + count)
    },
  }
}

/**
 * Decision records that wait to be sent to one receiver.
 *
 * Bounded: when it is full, the oldest record of an allowed request goes first, then the oldest refusal. What was
 * given up is counted, because silence about it would look like quiet.
 *
 * @module
 */
import type { DecisionRecord } from './events.ts'

export interface RecordQueue {
  readonly size: number
  readonly dropped: { readonly allowed: number; readonly refused: number }
  push(record: DecisionRecord): void
  /** Takes up to so many out: refusals first, each kind in order of arrival. */
  take(most: number): readonly DecisionRecord[]
  /** Puts back, in front, what could not be sent. */
  giveBack(records: readonly DecisionRecord[]): void
}

/** Whether a record is of an allowed request that went well: such ones are sampled, and the first to be given up. */
export function wentWell(outcome: 'allow' | 'deny', status: number): boolean {
  return outcome === 'allow' && status < 500
}

export function createRecordQueue(recordsMax: number): RecordQueue {
  const refused = createDeque<DecisionRecord>()
  const allowed = createDeque<DecisionRecord>()
  const dropped = { allowed: 0, refused: 0 }

  function shrink(): void {
    while (refused.size + allowed.size > recordsMax) {
      if (allowed.size > 0) {
        allowed.take(1)
        dropped.allowed += 1
      } else {
        refused.take(1)
        dropped.refused += 1
      }
    }
  }

  const dequeOf = ({ outcome, status }: DecisionRecord): Deque<DecisionRecord> =>
    wentWell(outcome, status) ? allowed : refused

  return {
    get size() {
      return refused.size + allowed.size
    },
    dropped,
    push: (record) => {
      dequeOf(record).push(record)
      shrink()
    },
    take: (most) => {
      const first = refused.take(most)
      return first.concat(allowed.take(most - first.length))
    },
    giveBack: (records) => {
      for (const record of records.toReversed()) dequeOf(record).unshift(record)
      shrink()
    },
  }
}

interface Deque<T> {
  readonly size: number
  push(item: T): void
  unshift(item: T): void
  take(most: number): T[]
}

/** A queue whose front moves: `Array.shift` copies everything behind it, for every request while a receiver is away. */
function createDeque<T>(): Deque<T> {
  let items: (T | undefined)[] = []
  let front = 0
  return {
    get size() {
      return items.length - front
    },
    push: (item) => {
      items.push(item)
    },
    unshift: (item) => {
      if (front > 0) items[--front] = item
      else items.unshift(item)
    },
    take: (most) => {
      // Every place behind the front is filled.
      const taken = items.slice(front, front + most) as T[]
      items.fill(undefined, front, front + taken.length)
      front += taken.length
      if (front > 1024 && front * 2 > items.length) {
        items = items.slice(front)
        front = 0
      }
      return taken
    },
  }
}

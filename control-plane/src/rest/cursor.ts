/**
 * Pages of lists: an opaque cursor that holds the sort key of the last row, so that rows which come and go between two
 * pages move nothing.
 *
 * @module
 */
import { refuseInput } from './refusal.ts'

/** One page, in the form of every list. */
export interface Page<T> {
  readonly data: T[]
  readonly next_cursor: string | null
  readonly has_more: boolean
}

/** Kinds of values that lists are sorted by. */
interface Values {
  /** What ids and names are made of. */
  text: string
  /** RFC 3339, UTC, milliseconds. */
  instant: string
  /** What Postgres' `integer` holds. */
  number: number
}

type Shape = readonly (keyof Values)[]
type Key<S extends Shape> = { readonly [Index in keyof S]: Values[S[Index]] }

/** Sort key of lists in order of creation. */
export const idKey = ['text'] as const
export const numberKey = ['number'] as const
export const kindNameKey = ['text', 'text'] as const
export const timeIdKey = ['instant', 'text'] as const

/**
 * @returns undefined for the first page.
 * @throws Refusal when the cursor is not one that this list gave.
 */
export function readCursor<const S extends Shape>(cursor: string | undefined, shape: S): Key<S> | undefined {
  if (cursor === undefined) return undefined
  try {
    const text = Buffer.from(cursor, 'base64url').toString('utf8')
    const key: unknown = JSON.parse(text)
    if (Buffer.from(text).toString('base64url') === cursor && fits(key, shape)) return key
  } catch {
    // Not JSON: not ours.
  }
  return refuseInput(
    'cursor',
    'cursor_invalid',
    'This list did not give that cursor',
    'Use next_cursor of the page before, or leave it out',
  )
}

/** Longest text of a sort key. */
const TEXT_LENGTH_MAX = 200

function fits<S extends Shape>(key: unknown, shape: S): key is Key<S> {
  return Array.isArray(key) && key.length === shape.length && shape.every((kind, index) => isA(kind, key[index]))
}

function isA(kind: keyof Values, value: unknown): boolean {
  switch (kind) {
    case 'text':
      // Letters and digits of ids and names: NUL and half characters would reach Postgres.
      return typeof value === 'string' && value.length <= TEXT_LENGTH_MAX && /^[A-Za-z0-9._-]*$/.test(value)
    case 'number':
      return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2 ** 31 - 1
    case 'instant':
      return (
        typeof value === 'string' && /^[0-9]{4}-[0-9-]{5}T[0-9:.]{12}Z$/.test(value) && !Number.isNaN(Date.parse(value))
      )
  }
}

/**
 * @param rows one more than `limit` when there are more.
 * @param keyOf sort key of a row.
 */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => readonly (string | number)[],
  show: (row: Row) => T,
): Page<T> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const more = rows.length > limit && last !== undefined
  return {
    data: shown.map(show),
    next_cursor: more ? Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') : null,
    has_more: more,
  }
}

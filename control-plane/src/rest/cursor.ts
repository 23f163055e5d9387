/**
 * Pages of lists: an opaque cursor that holds the sort key of the last row, so that rows which come and go between two
 * pages move nothing.
 *
 * @module
 */
import { z } from 'zod'
import { refuseInput } from './refusal.ts'

/** One page, in the form of every list. */
export interface Page<T> {
  readonly data: T[]
  readonly next_cursor: string | null
  readonly has_more: boolean
}

type Key = readonly (string | number)[]

/**
 * @param shape schema of the sort key.
 * @returns undefined for the first page.
 * @throws Refusal when the cursor is not one that this list gave.
 */
export function readCursor<T>(cursor: string | undefined, shape: z.ZodType<T>): T | undefined {
  if (cursor === undefined) return undefined
  try {
    const parsed = shape.safeParse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')))
    if (parsed.success && Buffer.from(cursor, 'base64url').toString('base64url') === cursor) return parsed.data
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

/** Text of a sort key: what ids and names are made of. NUL would reach Postgres. */
const keyText = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9._-]*$/)

/** Sort key of lists in order of creation. */
export const idKey = z.tuple([keyText])
export const numberKey = z.tuple([
  z
    .int()
    .min(0)
    .max(2 ** 31 - 1),
])
export const kindNameKey = z.tuple([keyText, keyText])
export const timeIdKey = z.tuple([z.iso.datetime({ precision: 3 }), keyText])

/**
 * @param rows one more than `limit` when there are more.
 * @param keyOf sort key of a row.
 */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => Key,
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

/**
 * One text for one JSON value, whatever the order of its fields: what is signed, hashed and compared.
 *
 * Source: RFC 8785 (JSON Canonicalization Scheme): members sorted by UTF-16 code units, no spaces, numbers as
 * ECMAScript writes them.
 *
 * @module
 */

/** Deepest nesting that is written. Specs are a few levels deep; the stack is not a place to find that out. */
export const DEPTH_MAX = 200

/**
 * Fields with the value `undefined` are left out, as `JSON.stringify` does.
 *
 * @throws TypeError for what is no JSON value (functions, bigints, numbers that are not finite, cycles) or deeper
 *   than `DEPTH_MAX`.
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0)
}

function write(value: unknown, depth: number): string {
  if (depth > DEPTH_MAX) throw new TypeError(`nested deeper than ${DEPTH_MAX} levels`)
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (typeof value !== 'object') throw new TypeError(`${typeof value} is no JSON value`)
  // Array.from also visits holes, which then are no JSON value.
  if (Array.isArray(value)) return `[${Array.from(value, (item) => write(item, depth + 1)).join(',')}]`
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    // By code units, unlike `localeCompare`; keys of one object are never equal.
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${write(field, depth + 1)}`).join(',')}}`
}

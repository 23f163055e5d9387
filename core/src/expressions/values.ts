/**
 * Values of an expression, and what can be done with two of them.
 *
 * Values are those of JSON: what tokens say and what a request shows. There is one kind of number, compared by its
 * value as CEL does across its kinds. An operation on values that it is not made for gives `ERROR`, never a guess.
 *
 * Sources: Common Expression Language specification, sections "Equality", "Ordering" and "Logical operators".
 *
 * @module
 */

export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [name: string]: Value }
  | typeof ERROR

/** What an operation that failed gives: it spreads until `&&` or `||` does not need it. */
export const ERROR: unique symbol = Symbol('error')

/** Nesting that is compared. */
const DEPTH_MAX = 16

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value)
}

export function isMap(value: Value): value is { readonly [name: string]: Value } {
  return typeof value === 'object' && value !== null && !isList(value)
}

/** Values of different kinds are not equal; that is no error. */
export function equal(left: Value, right: Value, depth = 0): boolean | typeof ERROR {
  if (left === ERROR || right === ERROR || depth > DEPTH_MAX) return ERROR
  if (isList(left) && isList(right)) {
    if (left.length !== right.length) return false
    for (let at = 0; at < left.length; at++) {
      const same = equal(left[at] ?? null, right[at] ?? null, depth + 1)
      if (same !== true) return same
    }
    return true
  }
  if (!isMap(left) || !isMap(right)) return left === right
  const names = Object.keys(left)
  if (names.length !== Object.keys(right).length) return false
  for (const name of names) {
    if (!Object.hasOwn(right, name)) return false
    const same = equal(left[name] ?? null, right[name] ?? null, depth + 1)
    if (same !== true) return same
  }
  return true
}

/** @returns below, at or above 0, or `ERROR` for what has no order. */
export function compare(left: Value, right: Value): number | typeof ERROR {
  if (typeof left === 'number' && typeof right === 'number') return left - right
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right)
  if (typeof left === 'string' && typeof right === 'string') return compareTexts(left, right)
  return ERROR
}

/** By code points, as CEL does: UTF-16 puts what lies beyond U+FFFF in another place. */
function compareTexts(left: string, right: string): number {
  const [a, b] = [Array.from(left), Array.from(right)]
  for (let at = 0; at < a.length && at < b.length; at++) {
    const difference = (a[at]?.codePointAt(0) ?? 0) - (b[at]?.codePointAt(0) ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Whether a list holds a value, or an object has a member of that name. */
export function contains(value: Value, within: Value): boolean | typeof ERROR {
  if (value === ERROR || within === ERROR) return ERROR
  if (isMap(within)) return typeof value === 'string' ? Object.hasOwn(within, value) : ERROR
  if (!isList(within)) return ERROR
  for (const each of within) if (equal(value, each) === true) return true
  return false
}

/** A member of an object, or an element of a list. What is not there is an error. */
export function at(value: Value, index: Value): Value {
  if (isList(value)) return typeof index === 'number' && Number.isInteger(index) ? (value[index] ?? ERROR) : ERROR
  if (!isMap(value) || typeof index !== 'string' || !Object.hasOwn(value, index)) return ERROR
  return value[index] ?? null
}

/** Characters of a text, elements of a list, members of an object. */
export function size(value: Value): number | typeof ERROR {
  if (typeof value === 'string') return Array.from(value).length
  if (isList(value)) return value.length
  return isMap(value) ? Object.keys(value).length : ERROR
}

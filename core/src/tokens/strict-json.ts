/**
 * JSON objects that every reader reads in the same way.
 *
 * `JSON.parse` keeps the last of two members with one name, other readers keep the first: a token with two `sub` would
 * be two tokens. So a repeated name anywhere refuses the whole text, as do names of the prototype, text that is not
 * UTF-8, and nesting that is deeper than any token needs.
 *
 * Sources: RFC 8259 section 4 (names should be unique), RFC 7519 section 4 and RFC 7515 section 4 (they must be, here),
 * RFC 8725 section 2.4.
 *
 * @module
 */

/** Nesting of objects and lists. */
const DEPTH_MAX = 16

const [SPACE, QUOTE, COLON, BACKSLASH] = [0x20, 0x22, 0x3a, 0x5c]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

export type JsonObject = Readonly<Record<string, unknown>>

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @returns null for everything that is not one JSON object with one reading. Never throws. */
export function parseStrictObject(bytes: Uint8Array): JsonObject | null {
  let value: unknown
  let text: string
  try {
    text = utf8.decode(bytes)
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  const hasOneReading = text.includes('\\') ? namesDiffer(text) : namesWritten(text) === membersOf(value, 1)
  return hasOneReading ? (value as JsonObject) : null
}

/**
 * How many names a text has that is known to be JSON without escapes: then a string goes from quote to quote.
 *
 * The parser keeps one member for each name, so with a name twice there are more of them than members: that is counted
 * quicker than names are compared.
 */
function namesWritten(text: string): number {
  let count = 0
  for (let start = text.indexOf('"'); start !== -1;) {
    const end = text.indexOf('"', start + 1) + 1
    if (isName(text, end)) count += 1
    start = text.indexOf('"', end)
  }
  return count
}

/**
 * How many members a value has, with all that are further in.
 *
 * @returns NaN, which is equal to no number, for one that is nested too deep or has a name of the prototype.
 */
function membersOf(value: object, depth: number): number {
  if (depth > DEPTH_MAX) return Number.NaN
  let count = 0
  if (Array.isArray(value)) {
    for (const each of value as readonly unknown[]) {
      if (typeof each === 'object' && each !== null) count += membersOf(each, depth + 1)
    }
    return count
  }
  for (const name of Object.keys(value)) {
    if (PROTOTYPE.has(name)) return Number.NaN
    const each = (value as JsonObject)[name]
    count += typeof each === 'object' && each !== null ? 1 + membersOf(each, depth + 1) : 1
  }
  return count
}

/**
 * The same for a text with escapes: walks it and looks at the names of its objects.
 *
 * A name is compared as it is written out: `"a"` and `"\u0061"` are the same one.
 */
function namesDiffer(text: string): boolean {
  // A set for each object that is open, null for each list.
  const open: (Set<string> | null)[] = []
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case OPEN_OBJECT:
        if (open.push(new Set()) > DEPTH_MAX) return false
        break
      case OPEN_LIST:
        if (open.push(null) > DEPTH_MAX) return false
        break
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        open.pop()
        break
      case QUOTE: {
        const end = stringEnd(text, at)
        const names = open[open.length - 1]
        if (names !== undefined && names !== null && isName(text, end)) {
          const name = nameOf(text.slice(at + 1, end - 1))
          if (name === null || names.has(name)) return false
          names.add(name)
        }
        at = end - 1
        break
      }
      default:
    }
  }
  return true
}

/** The place behind a string's closing quote. */
function stringEnd(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at + 1
}

/** Whether a string that ends here is the name of a member: then a colon follows, behind white space at most. */
function isName(text: string, end: number): boolean {
  let at = end
  while (text.charCodeAt(at) <= SPACE) at++
  return text.charCodeAt(at) === COLON
}

/**
 * @param written as between its quotes.
 * @returns null for a name that nobody uses in good faith: one of the prototype, and a single escaped character, which
 *   the runtime's own parser has been seen to misread.
 */
function nameOf(written: string): string | null {
  if (!written.includes('\\')) return PROTOTYPE.has(written) ? null : written
  const name = JSON.parse(`"${written}"`) as string
  return name.length < 2 || PROTOTYPE.has(name) ? null : name
}

const PROTOTYPE: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

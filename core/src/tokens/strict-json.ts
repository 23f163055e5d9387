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
  return hasOneReading(text) ? (value as JsonObject) : null
}

/**
 * Walks a text that is known to be JSON and looks at the names of its objects.
 *
 * A name is compared as it is written out: `"a"` and `"\u0061"` are the same one. By codes, and from quote to quote: a
 * token that was never seen is walked before anything else is known of it.
 */
function hasOneReading(text: string): boolean {
  const hasEscapes = text.includes('\\')
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
        const end = hasEscapes ? stringEnd(text, at) : text.indexOf('"', at + 1) + 1
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

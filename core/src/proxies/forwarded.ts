/**
 * Reads `Forwarded`, by the letter.
 *
 * Who is behind a proxy decides what may be called, so a value that a lenient reader would repair is no value: a quote
 * that somebody opened and another one closed would move the border between what a proxy says and what its caller says.
 *
 * Source: RFC 7239 section 4 (grammar) and 6 (nodes), RFC 9110 section 5.6.4 (quoted strings).
 *
 * @module
 */
import { type Node, readNode } from './node-address.ts'
import { readScheme } from './scheme.ts'

/** What one proxy says about who asked it. */
export interface ForwardedElement {
  /** Null: it does not say. */
  readonly node: Node | null
  /** How it was asked; null: it does not say. */
  readonly scheme: 'http' | 'https' | null
}

/** A pair, at its beginning or behind a semicolon: name, and value as a token or in quotes. Cannot backtrack. */
const PAIR =
  /([!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)")/y

/**
 * @param values of all fields of the name, in order.
 * @returns one for each proxy, the last one is the nearest; null: malformed.
 */
export function readForwarded(values: readonly string[]): readonly ForwardedElement[] | null {
  const elements: ForwardedElement[] = []
  for (const value of values) {
    let at = skipBlanks(value, 0)
    for (;;) {
      const pairs = new Map<string, string>()
      at = readPairs(value, at, pairs)
      const element = at === -1 || pairs.size === 0 ? null : elementOf(pairs)
      if (element === null) return null
      elements.push(element)
      at = skipBlanks(value, at)
      if (at === value.length) break
      if (value[at] !== ',') return null
      at = skipBlanks(value, at + 1)
    }
  }
  return elements
}

/** @returns the place behind the pairs of one element; -1: malformed. */
function readPairs(value: string, start: number, pairs: Map<string, string>): number {
  let at = start
  for (;;) {
    PAIR.lastIndex = at
    const found = PAIR.exec(value)
    if (found !== null) {
      const [whole, name = '', token, quoted = ''] = found
      const key = name.toLowerCase()
      // Section 4: not twice in an element.
      if (pairs.has(key)) return -1
      pairs.set(key, token ?? quoted.replaceAll(/\\(.)/g, '$1'))
      at += whole.length
    }
    if (value[at] !== ';') return at
    at += 1
  }
}

/** @returns null: one of them is malformed. What is not needed here is not looked at. */
function elementOf(pairs: ReadonlyMap<string, string>): ForwardedElement | null {
  const [asker, proto] = [pairs.get('for'), pairs.get('proto')]
  const node = asker === undefined ? null : readNode(asker, false)
  const scheme = proto === undefined ? null : readScheme(proto)
  const isMalformed = (asker !== undefined && node === null) || (proto !== undefined && scheme === null)
  return isMalformed ? null : { node, scheme }
}

function skipBlanks(text: string, start: number): number {
  let at = start
  while (text[at] === ' ' || text[at] === '\t') at++
  return at
}

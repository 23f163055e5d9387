/**
 * Fields between their two forms: lines of HTTP/1.1, and names and values in turn as the library takes and gives them.
 *
 * Pure.
 *
 * @module
 */
import type { Head } from '#agent/http/head.ts'

/** Names and values in turn. Names in lower case (RFC 9113 section 8.2.1). */
export type HeaderList = readonly string[]

/** They say something about a connection of HTTP/1.1 (RFC 9113 section 8.2.2). */
export const OF_CONNECTIONS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

const NONE: ReadonlySet<string> = new Set()

// eslint-disable-next-line no-control-regex -- what must not stand in a line is what is looked for
export const NOT_IN_LINE = /[\0-\x08\x0a-\x1f\x7f]/

/** Adds the fields of a head, without those of connections. @param except names that are left out too. */
export function addFields(list: string[], head: Head, except: ReadonlySet<string> = NONE): void {
  for (let field = 0; field < head.count; field++) {
    const name = head.bytes.toString('latin1', head.nameStart(field), head.nameEnd(field)).toLowerCase()
    if (!OF_CONNECTIONS.has(name) && !except.has(name)) list.push(name, head.valueText(field))
  }
}

/** The value of a field that comes once. */
export function valueOf(list: HeaderList, name: string): string | undefined {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return list[at + 1]
  return undefined
}

/** Field lines as a list. */
export function listOfLines(lines: string): string[] {
  const list: string[] = []
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) list.push(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return list
}

/** A list as field lines, without pseudo-headers, these names, and what would not be one line. */
export function linesOfList(list: HeaderList, except: ReadonlySet<string>): string {
  let lines = ''
  for (let at = 0; at < list.length; at += 2) {
    const [name = '', value = ''] = [list[at], list[at + 1]]
    if (name.startsWith(':') || except.has(name) || NOT_IN_LINE.test(name) || NOT_IN_LINE.test(value)) continue
    lines += `${name}: ${value}\r\n`
  }
  return lines
}

/** For the calls of the library that take no list. A name that comes twice has both values. */
export function objectOf(list: HeaderList): Record<string, string | string[]> {
  const object: Record<string, string | string[]> = {}
  for (let at = 0; at < list.length; at += 2) {
    const [name = '', value = ''] = [list[at], list[at + 1]]
    const before = object[name]
    object[name] = before === undefined ? value : [before, value].flat()
  }
  return object
}

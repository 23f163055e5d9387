/**
 * What a case is: bytes of a client, and what may come of them.
 *
 * Text is latin-1: a character for each byte. Data only; `testing/judge.ts` runs it.
 *
 * @module
 */

/** A request that the service sees, exactly so. */
export interface Arrives {
  readonly kind: 'arrives'
  readonly method: string
  readonly target: string
  /** Every byte of it, decoded. */
  readonly body: string
  /** Fields that must be there, with lower-case names. */
  readonly has: readonly (readonly [name: string, value: string])[]
  /** Names that must not be there. */
  readonly lacks: readonly string[]
  /** An engine may as well refuse it with 400, and then ends the connection or answers on. */
  readonly orRefused: boolean
  /** No field may have this value; empty: any may. */
  readonly lacksValue: string
}

/** A request that is answered by the agent, of which the service sees nothing whole. */
export interface Refused {
  readonly kind: 'refused'
  /** 0: the connection may as well be cut without an answer, as when a part of the body was forwarded. */
  readonly statuses: readonly number[]
}

/** A request that never gets whole: the client gives up. The service sees nothing whole. */
export interface Unfinished {
  readonly kind: 'unfinished'
  /** Answers that an engine may give before the client gives up. */
  readonly statuses: readonly number[]
}

export type Expected = Arrives | Refused | Unfinished

export interface Case {
  readonly title: string
  /** Pieces are written one after another, each when the one before has been read. */
  readonly bytes: string | readonly string[]
  /** In order; nothing else may be answered, and nothing else may arrive. */
  readonly expected: readonly Expected[]
  /**
   * What becomes of the connection. `either`: it may be kept, and is then asked again: after a request whose end is
   * beyond doubt.
   */
  readonly after: 'kept' | 'ends' | 'either'
}

export const HOST = 'Host: api.example.com\r\n'

/** A request that a smuggler wants to be taken for a request of its own. */
export const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}X: y\r\n\r\n`

/** An ordinary request behind the one that matters. */
export const NEXT = `GET /next HTTP/1.1\r\n${HOST}\r\n`

/** Head of a request with these lines of fields, behind a good `Host`. */
export function head(line: string, ...fields: readonly string[]): string {
  return `${line} HTTP/1.1\r\n${HOST}${fields.map((field) => `${field}\r\n`).join('')}\r\n`
}

/** A chunked POST with this text as its chunks. */
export function chunks(text: string, line = 'POST /x'): string {
  return head(line, 'Transfer-Encoding: chunked') + text
}

interface ArrivesMore {
  readonly body?: string
  readonly has?: Arrives['has']
  readonly lacks?: readonly string[]
}

/** @param line method and target. */
export function arrives(line: string, { body = '', has = [], lacks = [] }: ArrivesMore = {}): Arrives {
  const [method = '', target = ''] = line.split(' ')
  return { kind: 'arrives', method, target, body, has, lacks, orRefused: false, lacksValue: '' }
}

/** As `arrives`, where strict engines refuse and tolerant ones forward it clean. */
export function mayArrive(line: string, more: ArrivesMore = {}): Arrives {
  return { ...arrives(line, more), orRefused: true }
}

/** The request behind the one that matters, when it is served. */
export const NEXT_ARRIVES = arrives('GET /next')

const MALFORMED: Refused = { kind: 'refused', statuses: [400] }
const BROKEN_OFF: Refused = { kind: 'refused', statuses: [400, 0] }

/** Malformed: refused, and the connection ends, because nobody knows where the next request begins. */
export function malformed(title: string, bytes: Case['bytes']): Case {
  return { title, bytes, expected: [MALFORMED], after: 'ends' }
}

/** A body that is found malformed, perhaps when its head is on its way already: answered or cut, and never whole. */
export function malformedBody(title: string, bytes: Case['bytes']): Case {
  return { title, bytes, expected: [BROKEN_OFF], after: 'ends' }
}

/** Too large in some way. */
export function tooLarge(title: string, bytes: Case['bytes'], statuses: readonly number[] = [431]): Case {
  return { title, bytes, expected: [{ kind: 'refused', statuses }], after: 'ends' }
}

/** Well-formed, and not served: the connection may be kept. */
export function denied(title: string, bytes: Case['bytes'], statuses: readonly number[] = [400]): Case {
  return { title, bytes, expected: [{ kind: 'refused', statuses }], after: 'either' }
}

/** The request never gets whole. */
export function unfinished(title: string, bytes: Case['bytes'], statuses: readonly number[] = [400]): Case {
  return { title, bytes, expected: [{ kind: 'unfinished', statuses }], after: 'either' }
}

/** Everything is forwarded, and the connection is kept. */
export function forwarded(title: string, bytes: Case['bytes'], ...expected: readonly Expected[]): Case {
  return { title, bytes, expected, after: 'kept' }
}

/** Some is forwarded, and then the connection ends. */
export function forwardedThenEnds(title: string, bytes: Case['bytes'], ...expected: readonly Expected[]): Case {
  return { title, bytes, expected, after: 'ends' }
}

/** As far as it goes. */
export function mixed(title: string, bytes: Case['bytes'], ...expected: readonly Expected[]): Case {
  return { title, bytes, expected, after: 'either' }
}

export const refused400: Expected = MALFORMED
export const refusedOrCut: Expected = BROKEN_OFF

/** A byte as text that can be read in a title. */
export function named(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}

/** A piece for each byte. */
export function bytewise(text: string): readonly string[] {
  return text.split('')
}

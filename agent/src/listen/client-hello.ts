/**
 * Reads the server name out of the first bytes of a TLS connection, and which key its ticket is sealed under, before
 * anything of TLS is done.
 *
 * Everything about a handshake may differ from name to name: certificate, versions, whether a client certificate is
 * asked for, ticket keys. A TLS library settles most of that before it asks about the name, so the name is read first.
 * Nothing else is judged here: the library reads the same bytes again, and says what is wrong with them.
 *
 * Sources: RFC 8446 section 4.1.2 and 5.1 (a message may be spread over records), RFC 5246 section 7.4.1.2,
 * RFC 6066 section 3 (one name of each type, no dot at the end), RFC 5077 section 3.2 and 4 (ticket, name of its key),
 * RFC 8446 section 4.2.11 (a ticket as a pre-shared key).
 *
 * @module
 */

/** Longest ClientHello. One with a post-quantum key share and a ticket has about 2,500 bytes. */
export const CLIENT_HELLO_BYTES_MAX = 16_384

export type ClientHello =
  /** Not all of it is there. */
  | { readonly kind: 'more' }
  | {
      readonly kind: 'named'
      /** In lower case. */
      readonly serverName: string
      /** The first ticket that the client brings; null: none. */
      readonly ticket: Uint8Array | null
    }
  | { readonly kind: 'nameless' }
  /** TLS, but not as it may be. */
  | { readonly kind: 'malformed' }
  /** Something else, such as plain HTTP. */
  | { readonly kind: 'foreign' }

const MORE: ClientHello = { kind: 'more' }
const NAMELESS: ClientHello = { kind: 'nameless' }
const MALFORMED: ClientHello = { kind: 'malformed' }
const FOREIGN: ClientHello = { kind: 'foreign' }

const RECORD_HEAD_BYTES = 5
/** RFC 8446 section 5.1. */
const RECORD_BYTES_MAX = 16_384
/** One is usual. The records are walked for everything that arrives. */
const RECORDS_MAX = 16
const HANDSHAKE = 22
const CLIENT_HELLO = 1
/** Message head, legacy version and random. */
const BEFORE_SESSION_BYTES = 4 + 2 + 32
const SERVER_NAME = 0
const SESSION_TICKET = 35
const PRE_SHARED_KEY = 41
const HOST_NAME = 0

/** A name as certificates have it. */
const NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** @param bytes everything that has arrived on the connection. */
export function readClientHello(bytes: Uint8Array): ClientHello {
  const message = messageOf(bytes)
  return message instanceof Uint8Array ? nameIn(message) : message
}

/** The first handshake message, out of its records. */
function messageOf(bytes: Uint8Array): Uint8Array | ClientHello {
  const parts: Uint8Array[] = []
  let [at, gathered, length] = [0, 0, Infinity]
  while (gathered < length) {
    if (parts.length === RECORDS_MAX) return MALFORMED
    const [type = HANDSHAKE, major = 3] = bytes.subarray(at)
    if (type !== HANDSHAKE || major !== 3) return at === 0 ? FOREIGN : MALFORMED
    if (bytes.length < at + RECORD_HEAD_BYTES) return MORE
    const size = twoAt(bytes, at + 3)
    if (size === 0 || size > RECORD_BYTES_MAX) return MALFORMED
    const part = bytes.subarray(at + RECORD_HEAD_BYTES, at + RECORD_HEAD_BYTES + size)
    parts.push(part)
    gathered += part.length
    const [kind, a, b, c] = gathered < 4 ? [] : first(parts)
    if (kind !== undefined && kind !== CLIENT_HELLO) return MALFORMED
    if (c !== undefined) length = 4 + (((a ?? 0) << 16) | ((b ?? 0) << 8) | c)
    if (length !== Infinity && length > CLIENT_HELLO_BYTES_MAX) return MALFORMED
    if (gathered < length && part.length < size) return MORE
    at += RECORD_HEAD_BYTES + size
  }
  return (parts.length === 1 ? (parts[0] ?? NOTHING) : Buffer.concat(parts)).subarray(0, length)
}

const NOTHING = new Uint8Array()

/** The first four bytes. */
function first(parts: readonly Uint8Array[]): Uint8Array {
  const [only = NOTHING] = parts
  return (only.length >= 4 ? only : Buffer.concat(parts)).subarray(0, 4)
}

function nameIn(message: Uint8Array): ClientHello {
  let at = BEFORE_SESSION_BYTES
  at += 1 + oneAt(message, at)
  at += 2 + twoAt(message, at)
  at += 1 + oneAt(message, at)
  if (at > message.length) return MALFORMED
  if (at === message.length) return NAMELESS
  const end = at + 2 + twoAt(message, at)
  if (end !== message.length) return MALFORMED
  at += 2
  let found: ClientHello = NAMELESS
  let ticket: Uint8Array | null = null
  while (at < end) {
    const size = twoAt(message, at + 2)
    const from = at + 4
    if (from + size > end) return MALFORMED
    if (twoAt(message, at) === SERVER_NAME) {
      // Which of two names another reader would take is anybody's guess.
      if (found !== NAMELESS) return MALFORMED
      found = hostNameIn(message.subarray(from, from + size))
      if (found.kind !== 'named') return found
    }
    // The second is of TLS 1.3, and the last extension of all.
    if (twoAt(message, at) === SESSION_TICKET && size > 0) ticket = message.subarray(from, from + size)
    if (twoAt(message, at) === PRE_SHARED_KEY) ticket = firstIdentityIn(message.subarray(from, from + size))
    at = from + size
  }
  return found.kind === 'named' && ticket !== null ? { ...found, ticket } : found
}

function firstIdentityIn(offered: Uint8Array): Uint8Array {
  return offered.subarray(4, 4 + twoAt(offered, 2))
}

/** A list of exactly one host name: other types were never defined. */
function hostNameIn(list: Uint8Array): ClientHello {
  const size = twoAt(list, 3)
  if (list.length !== 5 + size || twoAt(list, 0) !== 3 + size || list[2] !== HOST_NAME) return MALFORMED
  const serverName = Buffer.from(list.subarray(5)).toString('latin1').toLowerCase()
  return NAME.test(serverName) ? { kind: 'named', serverName, ticket: null } : MALFORMED
}

// Beyond the end there are zeros: what is cut off ends in a wrong length, and is refused for that.

function oneAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

function twoAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

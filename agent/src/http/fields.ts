/**
 * Which header fields cross the agent, in both directions.
 *
 * A service behind the agent believes what the agent tells it about caller, address and path. So nothing that a
 * client sends may look like that: hop-by-hop fields (RFC 9110 section 7.6.1), forwarding and rewriting fields,
 * method overrides, identity fields of common proxies, and every name with `_`, which CGI-like servers cannot tell
 * from `-`. Pure: raw fields in, raw fields out; the order and the spelling of what passes are kept.
 *
 * @module
 */
import type { Fields } from './exchange.ts'

/** Raw fields as Node gives and takes them: name, value, name, value. */
export type RawFields = readonly string[]

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const

const NOT_FROM_CLIENTS: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  // Answered or set by the agent.
  'expect',
  'host',
  'http2-settings',
  'x-request-id',
  // Where the request came from.
  'cf-connecting-ip',
  'client-ip',
  'fastly-client-ip',
  'forwarded',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-envoy-external-address',
  'x-real-ip',
  // Which path and method were meant.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-rewrite-url',
  // Who is calling.
  'remote-user',
  'ssl-client-cert',
  'ssl-client-verify',
  'x-authenticated-user',
  'x-client-cert',
  'x-remote-user',
])

const PREFIXES_NOT_FROM_CLIENTS = [
  'x-forwarded-',
  'x-original-',
  'x-headgate-',
  'x-auth-request-',
  'x-authenticated-',
  'x-consumer-',
  'x-credential-',
  'x-ssl-client-',
] as const

const NOT_FROM_SERVICES: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'x-request-id'])

/** Fields that `Connection` may not take away, because they decide where a request goes and where it ends. */
const NOT_CONNECTION_OPTIONS: ReadonlySet<string> = new Set([
  'authorization',
  'content-length',
  'content-type',
  'cookie',
  'host',
  'transfer-encoding',
])

/** Options that clients send in good faith; the fields they name end here anyway. */
const CONNECTION_WORDS: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'close', 'http2-settings'])

/**
 * The options of all `Connection` values, lower case.
 *
 * @returns null when one of them is not a token or names a field that may not be taken away.
 */
export function connectionOptions(values: readonly string[]): ReadonlySet<string> | null {
  if (values.length === 0) return NONE
  const options = new Set<string>()
  for (const value of values) {
    for (const piece of value.split(',')) {
      const option = piece.trim().toLowerCase()
      if (option === '') continue
      if (!TOKEN.test(option) || NOT_CONNECTION_OPTIONS.has(option)) return null
      // A client that names a field of ours would take it away from the service.
      if (!CONNECTION_WORDS.has(option) && isOurs(option)) return null
      options.add(option)
    }
  }
  return options
}

const NONE: ReadonlySet<string> = new Set()
// RFC 9110 section 5.6.2. One character class: no backtracking.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

function isOurs(name: string): boolean {
  return NOT_FROM_CLIENTS.has(name) || startsWithAny(name) || name.includes('_')
}

function startsWithAny(name: string): boolean {
  for (const prefix of PREFIXES_NOT_FROM_CLIENTS) if (name.startsWith(prefix)) return true
  return false
}

/** What of a client's fields goes to a service, with the agent's own fields after them. */
export function requestFields(
  raw: RawFields,
  connection: ReadonlySet<string>,
  credentialHeaders: readonly string[],
  added: Fields,
): string[] {
  const out: string[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) {
    // In bounds by the loop's condition.
    const [name, value] = [raw[index] ?? '', raw[index + 1] ?? '']
    const lower = name.toLowerCase()
    if (isOurs(lower) || connection.has(lower) || credentialHeaders.includes(lower)) continue
    out.push(name, value)
  }
  append(out, added)
  return out
}

/**
 * What of a service's fields goes to a client, with the agent's own fields after them.
 *
 * @param status of the response: 204 and 304 have no body, and on 204 a length is forbidden (RFC 9110 section 8.6).
 */
export function responseFields(raw: RawFields, status: number, added: Fields): string[] {
  const out: string[] = []
  const connection = responseConnection(raw)
  for (let index = 0; index + 1 < raw.length; index += 2) {
    // In bounds by the loop's condition.
    const [name, value] = [raw[index] ?? '', raw[index + 1] ?? '']
    const lower = name.toLowerCase()
    if (NOT_FROM_SERVICES.has(lower) || connection.has(lower)) continue
    if (status === 204 && lower === 'content-length') continue
    if (isAdded(lower, added)) continue
    out.push(name, value)
  }
  append(out, added)
  return out
}

// A service is not an attacker of its own client, so a strange option is left out instead of refused.
function responseConnection(raw: RawFields): ReadonlySet<string> {
  let options: Set<string> | null = null
  for (let index = 0; index + 1 < raw.length; index += 2) {
    if (raw[index]?.toLowerCase() !== 'connection') continue
    options ??= new Set()
    for (const piece of (raw[index + 1] ?? '').split(',')) options.add(piece.trim().toLowerCase())
  }
  // A length that was taken away would change where the response ends.
  options?.delete('content-length')
  return options ?? NONE
}

function isAdded(lower: string, added: Fields): boolean {
  for (const [name] of added) if (name.toLowerCase() === lower) return true
  return false
}

function append(out: string[], added: Fields): void {
  for (const [name, value] of added) out.push(name, value)
}

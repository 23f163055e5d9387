/**
 * Which header fields cross the agent, in both directions.
 *
 * A service behind the agent believes what the agent tells it about caller, address and path. So nothing that a
 * client sends may look like that: hop-by-hop fields (RFC 9110 section 7.6.1), forwarding and rewriting fields,
 * method overrides, identity fields of common proxies, and every name with `_`, which CGI-like servers cannot tell
 * from `-`. Pure.
 *
 * @module
 */
import { kinds, NameTable } from './names.ts'

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

const dropped = (names: Iterable<string>): [string, number][] => [...names].map((name) => [name, kinds.dropped])

/** Kinds of a request's fields. A name with `_` is dropped besides: the parser sees it while it reads. */
export const requestNames = new NameTable(
  new Map([
    ...dropped(NOT_FROM_CLIENTS),
    ['host', kinds.host],
    ['connection', kinds.connection],
    ['content-length', kinds.contentLength],
    ['transfer-encoding', kinds.transferEncoding],
    ['expect', kinds.expect],
    ['te', kinds.te],
    ['trailer', kinds.trailer],
    ['upgrade', kinds.upgrade],
  ]),
  PREFIXES_NOT_FROM_CLIENTS,
)

/**
 * Fields that the agent adds to responses. Only these are looked for among what a service sent: a new one belongs here.
 */
const ADDED_TO_RESPONSES = [
  'allow',
  'ratelimit',
  'ratelimit-policy',
  'retry-after',
  'strict-transport-security',
  'www-authenticate',
] as const

/** Kinds of a response's fields. */
export const responseNames = new NameTable(
  new Map([
    ...dropped(NOT_FROM_SERVICES),
    ...ADDED_TO_RESPONSES.map((name): [string, number] => [name, kinds.mayBeAdded]),
    ['connection', kinds.connection],
    ['content-length', kinds.contentLength],
    ['transfer-encoding', kinds.transferEncoding],
    ['keep-alive', kinds.keepAlive],
    ['trailer', kinds.trailer],
    ['upgrade', kinds.upgrade],
  ]),
  [],
)

/**
 * Fields that have no business behind a body (RFC 9110 section 6.5.1): they say where a message ends and where it goes,
 * who asks, under which condition, how the content is to be read and how long an answer is good. Whoever merges
 * trailers into the head would let them undo what was decided about it.
 */
const NOT_IN_TRAILERS = [
  'accept-encoding',
  'age',
  'authentication-info',
  'authorization',
  'cache-control',
  'clear-site-data',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expires',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'location',
  'max-forwards',
  'origin',
  'pragma',
  'proxy-authentication-info',
  'range',
  'set-cookie',
  'strict-transport-security',
  'vary',
  'warning',
  'x-api-key',
] as const

/** Kinds of trailers, in both directions: `dropped` or not. */
export const trailerNames = new NameTable(
  new Map(dropped([...NOT_FROM_CLIENTS, ...NOT_FROM_SERVICES, ...ADDED_TO_RESPONSES, ...NOT_IN_TRAILERS])),
  PREFIXES_NOT_FROM_CLIENTS,
)

/** Whether a field of this kind leaves in the run of unchanged fields. */
export function passes(kind: number): boolean {
  return kind === kinds.other || kind >= kinds.contentLength
}

/**
 * The options of all `Connection` values of a request, lower case.
 *
 * @returns null when one of them is not a token or names a field that may not be taken away.
 */
export function connectionOptions(values: readonly string[]): ReadonlySet<string> | null {
  const options = new Set<string>()
  for (const value of values) {
    for (const piece of value.split(',')) {
      const option = withoutBlanks(piece).toLowerCase()
      if (option === '') continue
      if (!TOKEN.test(option) || NOT_CONNECTION_OPTIONS.has(option)) return null
      // A client that names a field of ours would take it away from the service.
      if (!CONNECTION_WORDS.has(option) && isOurs(option)) return null
      options.add(option)
    }
  }
  return options
}

/** Not `trim`, which also takes away what no other reader takes for a blank. */
function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

// RFC 9110 section 5.6.2. One character class: no backtracking.
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

function isOurs(name: string): boolean {
  const startsWith = (prefix: string): boolean => name.startsWith(prefix)
  return NOT_FROM_CLIENTS.has(name) || PREFIXES_NOT_FROM_CLIENTS.some(startsWith) || name.includes('_')
}

/**
 * The same of a response. A service is not an attacker of its own client, so a strange option is left out instead of
 * refused.
 */
export function responseConnectionOptions(values: readonly string[]): ReadonlySet<string> {
  const options = new Set<string>()
  for (const value of values) for (const piece of value.split(',')) options.add(withoutBlanks(piece).toLowerCase())
  // A length that was taken away would change where the response ends.
  options.delete('content-length')
  return options
}

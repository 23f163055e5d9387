/**
 * Requests to addresses that somebody else chose: a tenant, a token's issuer.
 *
 * Such a request must not be a way into the network in which this process stands. So: `https:` only unless private
 * addresses are allowed; the address is checked at the moment when the connection is made, so that a name cannot be one
 * thing when it is looked at and another when it is used; no redirects; no proxies; size and time are bounded; and what
 * comes back is bytes and a status, whatever the other side says it is.
 *
 * Sources: OWASP Server-Side Request Forgery Prevention, RFC 6890 (special-purpose addresses), RFC 9700 section 4.
 *
 * @module
 */
import { lookup as resolve } from 'node:dns'
import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'

export interface OutboundRequest {
  readonly url: string
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Of the whole exchange, in milliseconds. */
  readonly timeoutMs: number
  /** Longest body of the answer. */
  readonly bytesMax: number
  /** Whether addresses of private networks, and `http:`, may be asked. What machines ask about themselves never is. */
  readonly allowPrivate: boolean
  /** Authorities in PEM, in place of those of the runtime. */
  readonly ca?: string
  /** Ends the exchange before its time. */
  readonly signal?: AbortSignal
}

export type OutboundAnswer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly body: Buffer
      /** Value of `Cache-Control`; empty: none. */
      readonly cacheControl: string
    }
  /** `why` is for operators. */
  | { readonly kind: 'failed'; readonly why: string }

/** Never throws. */
export async function sendOutbound(options: OutboundRequest): Promise<OutboundAnswer> {
  const url = URL.parse(options.url)
  if (url === null) return failed('the URL cannot be read')
  const why = refusal(url, options.allowPrivate)
  if (why !== null) return failed(why)
  const { promise, resolve: settle } = Promise.withResolvers<OutboundAnswer>()
  const timer = setTimeout(() => end(`no whole answer within ${options.timeoutMs} ms`), options.timeoutMs)
  const request = start(url, options)
  const end = (reason: string): void => {
    settle(failed(reason))
    request.destroy()
  }
  const giveUp = (): void => end('nobody waits for the answer any more')
  options.signal?.addEventListener('abort', giveUp)
  request.on('error', (error) => end(error.message))
  request.once('response', (response) => {
    // Following a redirect would ask an address that nobody configured.
    if (isRedirect(response.statusCode)) end(`a redirect to ${response.headers.location ?? 'nowhere'} is not followed`)
    else collect(response, options.bytesMax, settle, end)
  })
  request.end(options.body)
  if (options.signal?.aborted === true) giveUp()
  const answer = await promise
  clearTimeout(timer)
  options.signal?.removeEventListener('abort', giveUp)
  return answer
}

function start(url: URL, { method = 'GET', headers = {}, body, allowPrivate, ca }: OutboundRequest): ClientRequest {
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const settings = { method, agent: false, headers: { ...headers, ...length }, lookup: guardedLookup(allowPrivate) }
  if (url.protocol === 'http:') return requestPlain(url, settings)
  return requestTls(url, ca === undefined ? settings : { ...settings, ca })
}

function collect(
  response: IncomingMessage,
  bytesMax: number,
  settle: (answer: OutboundAnswer) => void,
  end: (why: string) => void,
): void {
  const pieces: Buffer[] = []
  let bytes = 0
  response.on('data', (piece: Buffer) => {
    bytes += piece.length
    if (bytes > bytesMax) end(`the answer is longer than ${bytesMax} bytes`)
    else pieces.push(piece)
  })
  response.once('error', (error) => end(error.message))
  response.once('end', () => {
    const { statusCode = 0, headers } = response
    const cacheControl = headers['cache-control'] ?? ''
    settle({ kind: 'answered', status: statusCode, body: Buffer.concat(pieces), cacheControl })
  })
}

function refusal(url: URL, allowPrivate: boolean): string | null {
  if (url.username !== '' || url.password !== '') return 'a URL with a password in it is not asked'
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowPrivate)) return `${url.protocol} is not asked`
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  // A literal address is not looked up.
  return isIP(host) !== 0 && isRefused(host, allowPrivate) ? refusedText(host) : null
}

/** Looks a name up, and fails when any of its addresses is refused: one of them would be used by turns. */
function guardedLookup(allowPrivate: boolean): LookupFunction {
  return (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, '')
        return
      }
      const wrong = addresses.find(({ address }) => isRefused(address, allowPrivate))
      const [first] = addresses
      if (wrong !== undefined) done(new Error(refusedText(wrong.address, name)), '')
      else if (options.all === true) done(null, addresses)
      else done(null, first?.address ?? '', first?.family)
    })
  }
}

function isRefused(address: string, allowPrivate: boolean): boolean {
  return allowPrivate ? isMetadataAddress(address) : isPrivateAddress(address)
}

function refusedText(address: string, name?: string): string {
  const what = name === undefined ? address : `${name} (${address})`
  return isMetadataAddress(address)
    ? `${what} is an address at which machines are told about themselves, which is never asked`
    : `${what} is an address of a private network`
}

const isRedirect = (status: number | undefined): boolean => status !== undefined && status >= 300 && status < 400

const failed = (why: string): OutboundAnswer => ({ kind: 'failed', why })

/** Not for the public internet (RFC 6890 and its registries). */
const RANGES = {
  ipv4: [
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/3',
  ],
  // Of all the rest of IPv6, only 2000::/3 is given to anybody; some of that is special too.
  ipv6: ['::/3', '4000::/2', '8000::/1', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
} as const

/** Link-local, and where clouds hand out credentials of machines. */
const METADATA = {
  ipv4: ['169.254.0.0/16', '100.100.100.200/32', '192.0.0.192/32'],
  ipv6: ['fe80::/10', 'fd00:ec2::/32'],
} as const

type Lists = Readonly<Record<'ipv4' | 'ipv6', BlockList>>

/** One list for each family: a list of both takes IPv4 for its mapped form, which is private. */
function listsOf(ranges: Readonly<Record<'ipv4' | 'ipv6', readonly string[]>>): Lists {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const range of ranges[family]) {
      const [address = '', bits] = range.split('/')
      lists[family].addSubnet(address, Number(bits), family)
    }
  }
  return lists
}

const privateLists = listsOf(RANGES)
const metadataLists = listsOf(METADATA)

/** Whether an address is for something else than hosts of the public internet. What is no address is private, too. */
export function isPrivateAddress(address: string): boolean {
  return isIn(privateLists, address)
}

/** Whether machines are told about themselves there. IPv4 in clothes of IPv6 counts as what it is. */
export function isMetadataAddress(address: string): boolean {
  return isIn(metadataLists, address) || isIn(metadataLists, unmapped(address))
}

function isIn(lists: Lists, address: string): boolean {
  const family = isIP(address)
  if (family === 0) return true
  const name = family === 4 ? 'ipv4' : 'ipv6'
  return lists[name].check(address, name)
}

/** `::ffff:a9fe:a9fe`, as URLs have it, and `::ffff:169.254.169.254`. */
function unmapped(address: string): string {
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address) ?? []
  if (high === undefined || low === undefined) return address.replace(/^::ffff:(?=[0-9.]+$)/i, '')
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

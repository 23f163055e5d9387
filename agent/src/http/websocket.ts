/**
 * The handshake of a WebSocket connection, from both sides.
 *
 * Only this upgrade is ever offered, only where the route says so, and only in this one form: what a service takes for
 * an upgrade and we do not, or the other way round, would let a client write requests that nobody has decided about.
 * The connection becomes a tunnel when the service has proven that it understood the handshake, and not before.
 *
 * Source: RFC 6455 sections 4.1, 4.2 and 11.3, RFC 9110 section 7.8 (Upgrade).
 *
 * @module
 */
import { hash } from 'node:crypto'
import { framings, type Head } from './head.ts'
import { kinds } from './names.ts'
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'

/** The version of RFC 6455. There are no others in use. */
export const WEBSOCKET_VERSION = '13'

/** RFC 6455 section 1.3. */
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** 16 bytes in base64, in their only spelling: the last digit before the filling has four bits that mean nothing. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** What a client has asked for. */
export interface Handshake {
  /** What the service must answer in `Sec-WebSocket-Accept`. */
  readonly accept: string
  /** Subprotocols that the service may choose from. */
  readonly protocols: readonly string[]
  /** Whether the client takes extensions. */
  readonly extensions: boolean
}

/** Reads the handshake of a request that asks for this upgrade. @returns null: it is none that may be passed on. */
export function readHandshake(head: RequestHead): Handshake | null {
  if (head.method !== 'GET' || head.framing !== framings.none) return null
  const [key = '', ...otherKeys] = head.values('sec-websocket-key')
  const [version, ...otherVersions] = head.values('sec-websocket-version')
  if (!KEY.test(key) || version !== WEBSOCKET_VERSION || otherKeys.length + otherVersions.length > 0) return null
  if (head.values('sec-websocket-accept').length > 0) return null
  const protocols = membersOf(head.values('sec-websocket-protocol'))
  if (!protocols.every((protocol) => TOKEN.test(protocol))) return null
  const extensions = head.values('sec-websocket-extensions').length > 0
  return { accept: hash('sha1', key + ACCEPT_SUFFIX, 'base64'), protocols, extensions }
}

/** Whether a response of 101 says that the service has understood the handshake, and took nothing that was not offered. */
export function isAccepted(head: ResponseHead, { accept, protocols, extensions }: Handshake): boolean {
  if (head.contentLengths + head.transferEncodings > 0 || head.upgrades !== 1 || head.minor !== 1) return false
  if (head.valueText(head.upgradeField).toLowerCase() !== 'websocket' || !saysUpgrade(head)) return false
  const accepts = head.values('sec-websocket-accept')
  const chosen = head.values('sec-websocket-protocol')
  if (accepts.length !== 1 || accepts[0] !== accept || chosen.length > 1) return false
  if (chosen[0] !== undefined && !protocols.includes(chosen[0])) return false
  return extensions || head.values('sec-websocket-extensions').length === 0
}

/** Whether `upgrade` is among the options of `Connection`. */
export function saysUpgrade(head: Head): boolean {
  return membersOf(head.valuesOfKind(kinds.connection)).some((option) => option.toLowerCase() === 'upgrade')
}

function membersOf(values: readonly string[]): string[] {
  return values
    .flatMap((value) => value.split(','))
    .map((member) => member.replace(/^[ \t]+/, '').replace(/[ \t]+$/, ''))
    .filter((member) => member !== '')
}

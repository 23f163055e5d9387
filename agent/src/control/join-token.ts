/**
 * Reads the text that lets this agent in, once. Written by control-plane/src/fleet/join-token.ts, where its form is
 * described.
 *
 * Decides only whether the text is whole; whether it is still good is the control plane's word.
 *
 * @module
 */
import { createHash } from 'node:crypto'

const PREFIX = 'hgj_'
const VERSION = 1
const PIN_BYTES = 32
const SECRET_BYTES = 32
const CHECKSUM_BYTES = 4
const ADDRESS_AT = 1 + PIN_BYTES + SECRET_BYTES

/** Longest text that is looked at, in characters. */
const LENGTH_MAX = 1_024

/** `host:port` or `[ipv6]:port`. */
const ADDRESS = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}$/

export interface JoinToken {
  /** `host:port` of the control plane. */
  readonly address: string
  /** SHA-256 of the agent authority's certificate. */
  readonly pin: Buffer
  /** As it is sent. Secret. */
  readonly secret: string
}

export type JoinTokenRead =
  | { readonly kind: 'ok'; readonly joinToken: JoinToken }
  | { readonly kind: 'invalid'; readonly problem: string }

/** Never throws, and never repeats what it was given: half a token is a secret too. */
export function readJoinToken(written: string): JoinTokenRead {
  const text = written.trim()
  if (!text.startsWith(PREFIX)) return invalid(`a join token starts with ${PREFIX}`)
  if (text.length > LENGTH_MAX) return invalid('the join token is too long')
  const encoded = text.slice(PREFIX.length)
  const bytes = Buffer.from(encoded, 'base64url')
  // The decoder skips what it does not know: only a text that comes out the same was understood.
  if (bytes.toString('base64url') !== encoded) return invalid('the join token has characters that do not belong there')
  if (bytes.length <= ADDRESS_AT + CHECKSUM_BYTES) return invalid('the join token is not whole: copy all of it')
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  const checksum = createHash('sha256').update(body).digest().subarray(0, CHECKSUM_BYTES)
  if (!checksum.equals(bytes.subarray(-CHECKSUM_BYTES))) return invalid('the join token is not whole: copy all of it')
  if (body[0] !== VERSION) return invalid('the join token is of a newer control plane: update this agent')
  const address = body.toString('latin1', ADDRESS_AT)
  if (!ADDRESS.test(address)) return invalid('the join token names no address')
  const pin = Buffer.from(body.subarray(1, 1 + PIN_BYTES))
  const secret = body.toString('base64url', 1 + PIN_BYTES, ADDRESS_AT)
  return { kind: 'ok', joinToken: { address, pin, secret } }
}

function invalid(problem: string): JoinTokenRead {
  return { kind: 'invalid', problem }
}

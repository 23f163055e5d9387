/**
 * The form of an API key, and the judgement about one whose record is known.
 *
 * `hgk_<environment>_<30 base62>_<6 base62>`: recognisable to secret scanners, and refused without a look-up when
 * the last part is not the CRC-32 of everything before the last underscore. Looking a record up by the key's
 * SHA-256 is the caller's; no clock and no I/O here.
 *
 * @module
 */
import type { Facts, Principal, Verified } from '#core/decision.ts'
import { OBJECT_NAME } from '#core/kinds/common.ts'
import type { CredentialReason } from '#core/reasons.ts'
import { rangesContain, type AddressRange } from './addresses.ts'
import { crc32 } from './crc32.ts'

/** Characters of the random part: 30 of 62 are 178 bits, so that an unsalted hash of a key cannot be searched. */
export const RANDOM_LENGTH = 30

/** Characters of the checksum: 62^6 is the first power above 2^32. */
const CHECKSUM_LENGTH = 6

/** `hgk_`, an environment's name, and the two parts with their underscores. */
export const API_KEY_LENGTH_MAX = 4 + 63 + 1 + RANDOM_LENGTH + 1 + CHECKSUM_LENGTH

/** Digits of base62, in the order of their values. */
export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** What a text says about itself; whether the key exists is another question. */
export type ParsedApiKey =
  | { readonly kind: 'api_key'; readonly environment: string; readonly last4: string }
  | { readonly kind: 'malformed' }

const MALFORMED: ParsedApiKey = { kind: 'malformed' }

/**
 * Builds the text of a key.
 *
 * @param random30 from a cryptographic source, 30 characters of base62.
 * @throws RangeError when an argument does not have its form: such a key could never be used.
 */
export function formatApiKey(environment: string, random30: string): string {
  if (!isRandomPart(random30)) throw new RangeError('the random part is not 30 characters of base62')
  if (!OBJECT_NAME.test(environment)) throw new RangeError('not the name of an environment')
  const body = `hgk_${environment}_${random30}`
  return `${body}_${checksum(body)}`
}

/** Reads from the right, since an environment's name may hold underscores. Never throws. */
export function parseApiKey(text: string): ParsedApiKey {
  if (text.length > API_KEY_LENGTH_MAX || !text.startsWith('hgk_')) return MALFORMED
  const bodyEnd = text.length - CHECKSUM_LENGTH - 1
  const randomStart = bodyEnd - RANDOM_LENGTH
  // Too short for its parts, or parts that are not separated.
  if (randomStart < 6 || text[bodyEnd] !== '_' || text[randomStart - 1] !== '_') return MALFORMED
  const environment = text.slice(4, randomStart - 1)
  if (!OBJECT_NAME.test(environment) || !isRandomPart(text.slice(randomStart, bodyEnd))) return MALFORMED
  if (text.slice(bodyEnd + 1) !== checksum(text.slice(0, bodyEnd))) return MALFORMED
  return { kind: 'api_key', environment, last4: text.slice(bodyEnd - 4, bodyEnd) }
}

/** For people; says which key without saying the key. */
export function apiKeyHint(last4: string): string {
  return `…${last4}`
}

/** What is known about a key, without the key. */
export interface ApiKeyRecord {
  readonly id: string
  readonly consumerId: string
  /** Name of the consumer. */
  readonly consumer: string
  readonly consumerDisabled: boolean
  /** Every other value counts as revoked. */
  readonly state: 'active' | 'disabled' | 'revoked'
  /** Milliseconds since 1970-01-01 UTC; 0: never. */
  readonly expiresAtMs: number
  readonly scopes: readonly string[]
  /** From `parseAddressRanges`, once per record. Empty: from anywhere. */
  readonly addresses: readonly AddressRange[]
  /** Last four characters of the random part. */
  readonly last4: string
}

/** Judges a key that was found: state, time, consumer, source address. Its scopes are for `decide`. */
export function judgeApiKey(record: ApiKeyRecord, facts: Facts, nowMs: number): Verified {
  const principal: Principal = {
    consumerId: record.consumerId,
    consumer: record.consumer,
    credentialId: record.id,
    credentialKind: 'api_key',
    credentialHint: apiKeyHint(record.last4),
    scopes: record.scopes,
  }
  const denied = (reason: CredentialReason): Verified => ({ kind: 'denied', reason, principal })
  if (record.state === 'disabled') return denied('credential_disabled')
  if (record.state !== 'active') return denied('credential_revoked')
  // Written so that a time that is not a number has passed.
  if (record.expiresAtMs !== 0 && !(nowMs < record.expiresAtMs)) return denied('credential_expired')
  if (record.consumerDisabled) return denied('consumer_disabled')
  if (record.addresses.length > 0 && !rangesContain(record.addresses, facts.address)) {
    const needed = record.addresses.map((range) => range.text)
    return { kind: 'denied', reason: 'address_not_allowed', principal, needed }
  }
  return { kind: 'proven', principal }
}

const isRandomPart = (text: string): boolean => /^[0-9A-Za-z]{30}$/.test(text)

function checksum(body: string): string {
  let rest = crc32(body)
  const codes = [0, 0, 0, 0, 0, 0]
  for (let at = CHECKSUM_LENGTH - 1; at >= 0; at--) {
    codes[at] = BASE62.charCodeAt(rest % 62)
    rest = Math.floor(rest / 62)
  }
  return String.fromCharCode(...codes)
}

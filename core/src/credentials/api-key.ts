/**
 * The form of an API key, and the judgement about one whose record is known.
 *
 * `hgk_<environment>_<30 base62>_<6 base62>`: recognisable to secret scanners, and refused without a look-up when
 * the last part is not the CRC-32 of everything before the last underscore. Looking a record up by the key's
 * SHA-256 is the caller's; no clock and no I/O here.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import { plainLimit } from '#core/limits/plain-limit.ts'
import type { Facts, Principal, Verified } from '#core/decision.ts'
import { OBJECT_NAME } from '#core/kinds/common.ts'
import { deniedTo, type HolderFields, type HolderRecord, judgeHolder } from './holder.ts'
import { CRC32_START, crc32, crc32Next, crc32Of } from './crc32.ts'

/** Characters of the random part: 30 of 62 are 178 bits, so that an unsalted hash of a key cannot be searched. */
export const RANDOM_LENGTH = 30

/** Characters of the checksum: 62^6 is the first power above 2^32. */
const CHECKSUM_LENGTH = 6

/** What a key begins with. */
const PREFIX = 'hgk_'

const [UNDERSCORE, HYPHEN, DOT] = [0x5f, 0x2d, 0x2e]

/** `hgk_`, an environment's name, and the two parts with their underscores. */
export const API_KEY_LENGTH_MAX = PREFIX.length + 63 + 1 + RANDOM_LENGTH + 1 + CHECKSUM_LENGTH

/** Digits of base62, in the order of their values. */
export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** What a text says about itself; whether the key exists is another question. */
export type ParsedApiKey =
  | { readonly kind: 'api_key'; readonly environment: string; readonly last4: string }
  | { readonly kind: 'malformed' }

const MALFORMED: ParsedApiKey = { kind: 'malformed' }

/** Value of each digit of base62 by its character code; -1 for all other characters below U+0080. */
const digits = Int8Array.from({ length: 128 }, (_, code) => BASE62.indexOf(String.fromCharCode(code)))

/**
 * Builds the text of a key.
 *
 * @param random30 from a cryptographic source, 30 characters of base62.
 * @throws RangeError when an argument does not have its form: such a key could never be used.
 */
export function formatApiKey(environment: string, random30: string): string {
  if (!/^[0-9A-Za-z]{30}$/.test(random30)) throw new RangeError('the random part is not 30 characters of base62')
  if (!OBJECT_NAME.test(environment)) throw new RangeError('not the name of an environment')
  const body = `${PREFIX}${environment}_${random30}`
  return `${body}_${checksum(body)}`
}

/** Never throws. */
export function parseApiKey(text: string): ParsedApiKey {
  const end = environmentEnd(text)
  if (end === -1) return MALFORMED
  const bodyEnd = text.length - CHECKSUM_LENGTH - 1
  return { kind: 'api_key', environment: text.slice(PREFIX.length, end), last4: text.slice(bodyEnd - 4, bodyEnd) }
}

/** Whether a text is meant to be a key, well-formed or not: nothing else begins like one. */
export function looksLikeApiKey(text: string): boolean {
  return text.startsWith(PREFIX)
}

/**
 * The environment that a key names. Never throws.
 *
 * @param expected is returned as it is when the key names it: the usual request copies nothing of its key.
 * @returns null when the text is malformed.
 */
export function apiKeyEnvironment(text: string, expected: string): string | null {
  const { beginning, crc } = beginningOf(expected)
  if (text.startsWith(beginning) && hasUsualEnd(text, beginning.length, crc)) return expected
  const end = environmentEnd(text)
  if (end === -1) return null
  const isExpected = end - PREFIX.length === expected.length && text.startsWith(expected, PREFIX.length)
  return isExpected ? expected : text.slice(PREFIX.length, end)
}

/** What all keys of an environment begin with, and the state of their checksum behind it. */
interface Beginning {
  readonly beginning: string
  readonly crc: number
}

// By environment: it only saves time.
const beginnings = new Map<string, Beginning>()

/** Environments that are remembered: more than one agent serves at a time. */
const BEGINNINGS_MAX = 1_000

function beginningOf(environment: string): Beginning {
  let known = beginnings.get(environment)
  if (known === undefined) {
    const beginning = `${PREFIX}${environment}_`
    let crc = CRC32_START
    for (let at = 0; at < beginning.length; at++) crc = crc32Next(crc, beginning.charCodeAt(at))
    if (beginnings.size >= BEGINNINGS_MAX) beginnings.clear()
    beginnings.set(environment, (known = { beginning, crc }))
  }
  return known
}

/** The random part and the checksum, read once. @param start index behind what keys begin with. */
function hasUsualEnd(text: string, start: number, crc: number): boolean {
  const end = start + RANDOM_LENGTH
  if (text.length !== end + 1 + CHECKSUM_LENGTH || text.charCodeAt(end) !== UNDERSCORE) return false
  let state = crc
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    if ((digits[code] ?? -1) === -1) return false
    state = crc32Next(state, code)
  }
  return readChecksum(text, end + 1) === crc32Of(state)
}

/**
 * Checks the form of a key and its checksum, from the right, since an environment's name may hold underscores.
 *
 * @returns the index behind the environment's name; -1 when the text is malformed.
 */
function environmentEnd(text: string): number {
  if (text.length > API_KEY_LENGTH_MAX || !text.startsWith(PREFIX)) return -1
  const bodyEnd = text.length - CHECKSUM_LENGTH - 1
  const end = bodyEnd - RANDOM_LENGTH - 1
  // Too short for its parts, or parts that are not separated.
  if (end <= PREFIX.length || text.charCodeAt(bodyEnd) !== UNDERSCORE || text.charCodeAt(end) !== UNDERSCORE) return -1
  if (!isObjectName(text, PREFIX.length, end)) return -1
  for (let at = end + 1; at < bodyEnd; at++) if (digitAt(text, at) === -1) return -1
  return readChecksum(text, bodyEnd + 1) === crc32(text, bodyEnd) ? end : -1
}

const digitAt = (text: string, at: number): number => digits[text.charCodeAt(at)] ?? -1

/** What `OBJECT_NAME` says, of a range that is not empty; its length is bounded by that of a key. */
function isObjectName(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    const isInner = code === UNDERSCORE || code === HYPHEN || code === DOT
    // Small letters and digits may stand everywhere, the other three not at the ends.
    if (isInner ? at === start || at === end - 1 : digitAt(text, at) === -1 || isCapital(code)) return false
  }
  return true
}

const isCapital = (code: number): boolean => code >= 65 && code <= 90

/** The number in base62 at the end of a text, which has one form only; -1 when it is none. */
function readChecksum(text: string, start: number): number {
  let value = 0
  for (let at = start; at < text.length; at++) {
    const digit = digitAt(text, at)
    if (digit === -1) return -1
    value = value * 62 + digit
  }
  return value
}

/** For people; says which key without saying the key. */
export function apiKeyHint(last4: string): string {
  return `…${last4}`
}

/**
 * A limit of a key itself.
 *
 * @param index its place among the limits of the key, from 0.
 * @returns null when it would admit nothing, or cannot be counted.
 */
export function apiKeyLimit(
  index: number,
  limit: { readonly requests: bigint; readonly windowMs: bigint; readonly burst: bigint },
): CompiledLimit | null {
  const [amount, windowMs] = [Number(limit.requests), Number(limit.windowMs)]
  if (!(amount > 0 && windowMs > 0)) return null
  // The ids of policies have slashes, so no two limits are counted as one.
  const name = index === 0 ? 'api_key' : `api_key-${index + 1}`
  return plainLimit({ of: 'api_key', policy: name, id: name, amount, windowMs, burst: Number(limit.burst) || amount })
}

/** What is known about a key, without the key. */
export interface ApiKeyFields extends HolderFields {
  /** Its own, beside those of routes. */
  readonly limits: readonly CompiledLimit[]
  /** Last four characters of the random part. */
  readonly last4: string
  /** It was laid out as bait: refused as if it were revoked, and whoever presents it is reported. */
  readonly decoy?: boolean
  /** SHA-256 of the key, one character for each byte, where principals carry it on. */
  readonly sha256?: string
}

/** The same, with what is the same for every request with the key. */
export type ApiKeyRecord = ApiKeyFields & HolderRecord

/** Made once and kept: then a request with the key makes nothing. */
export function apiKeyRecord(fields: ApiKeyFields): ApiKeyRecord {
  return { ...fields, decoy: fields.decoy === true, proven: apiKeyProven(fields) }
}

/** The verdict about a key against which nothing speaks. */
export function apiKeyProven(fields: ApiKeyFields): HolderRecord['proven'] {
  const principal: { -readonly [K in keyof Principal]: Principal[K] } = {
    consumerId: fields.consumerId,
    consumer: fields.consumer,
    credentialId: fields.id,
    credentialKind: 'api_key',
    credentialHint: apiKeyHint(fields.last4),
    scopes: fields.scopes,
    roles: fields.roles,
    claims: null,
    boundTo: null,
    expiresAtMs: fields.expiresAtMs,
    limits: fields.limits,
  }
  if (fields.sha256 !== undefined) principal.lookup = fields.sha256
  if (fields.decoy === true) principal.decoy = true
  return { kind: 'proven', principal }
}

/** Judges a key that was found. Its scopes are for `decide`. */
export function judgeApiKey(record: ApiKeyRecord, facts: Facts, nowMs: number): Verified {
  // Before its state: nothing about bait is told.
  return record.decoy === true ? deniedTo(record, 'credential_revoked') : judgeHolder(record, facts, nowMs)
}

function checksum(body: string): string {
  let rest = crc32(body)
  const codes = [0, 0, 0, 0, 0, 0]
  for (let at = CHECKSUM_LENGTH - 1; at >= 0; at--) {
    codes[at] = BASE62.charCodeAt(rest % 62)
    rest = Math.floor(rest / 62)
  }
  return String.fromCharCode(...codes)
}

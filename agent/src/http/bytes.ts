/**
 * Bytes of HTTP/1.1: classes by table, and the few ways in which text goes in and out.
 *
 * Everything here works on one byte array and offsets into it, makes nothing but what it returns, and never looks
 * beyond the end that it is given.
 *
 * Sources: RFC 9110 section 5.6.2 (token) and 5.5 (field value), RFC 9112 section 3 (request line).
 *
 * @module
 */

export const TAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SPACE = 0x20
export const COLON = 0x3a
export const DELETE = 0x7f

/** Bits of `NAME`: 0 may not stand in a token. */
export const IN_TOKEN = 1
/** `_`, which servers of the CGI kind cannot tell from `-`. */
export const IS_UNDERSCORE = 2

/** Class of a byte of a field name or a method. */
export const NAME = new Uint8Array(256)
/** 1: may stand in a field value. HTAB, visible ASCII, space, and 8-bit bytes. */
export const VALUE = new Uint8Array(256)
/** 1: may stand in a request target as the engine sees it; core refuses more, with better reasons. */
export const TARGET = new Uint8Array(256)
/** ASCII letters in lower case, everything else as it is. */
export const LOWER = new Uint8Array(256)
/** Value of a hexadecimal digit; 255: none. */
export const HEX = new Uint8Array(256).fill(255)

for (let byte = 0; byte < 256; byte++) {
  VALUE[byte] = byte === TAB || (byte >= 0x20 && byte !== 0x7f) ? 1 : 0
  TARGET[byte] = byte > 0x20 && byte !== 0x7f ? 1 : 0
  LOWER[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte
}
for (const character of "!#$%&'*+-.^`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  NAME[character.charCodeAt(0)] = IN_TOKEN
}
NAME['_'.charCodeAt(0)] = IN_TOKEN | IS_UNDERSCORE
for (const [value, digit] of Array.from('0123456789abcdef').entries()) {
  HEX[digit.charCodeAt(0)] = value
  HEX[digit.toUpperCase().charCodeAt(0)] = value
}

/** Latin-1 text as bytes, for what is prepared once. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

/** Whether the bytes are a name, without regard to case. @param name lower case. */
export function isName(bytes: Uint8Array, start: number, end: number, name: Uint8Array): boolean {
  if (end - start !== name.length) return false
  for (let index = 0; index < name.length; index++) {
    if (LOWER[bytes[start + index] ?? 0] !== name[index]) return false
  }
  return true
}

/** As `isName`, for a name that is a text. */
export function isNameText(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let index = 0; index < name.length; index++) {
    if (LOWER[bytes[start + index] ?? 0] !== name.charCodeAt(index)) return false
  }
  return true
}

/**
 * As `isNameText`, with every sign of a token for a `-`: servers that make variables of fields have written several of
 * them as one.
 */
export function isNameAlike(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let index = 0; index < name.length; index++) {
    const byte = LOWER[bytes[start + index] ?? 0] ?? 0
    const code = name.charCodeAt(index)
    if (byte !== code && !(code === HYPHEN && !isLetterOrDigit(byte))) return false
  }
  return true
}

const HYPHEN = 0x2d

/** @param byte in lower case. */
function isLetterOrDigit(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39)
}

/** Whether the bytes are exactly this latin-1 text. */
export function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false
  for (let index = 0; index < text.length; index++) {
    if (bytes[start + index] !== text.charCodeAt(index)) return false
  }
  return true
}

/** Above this many bytes a call into the runtime costs less than a loop. */
const LOOP_MAX = 24

/** Writes prepared bytes. @returns the place behind them. */
export function putBytes(into: Buffer, at: number, from: Uint8Array): number {
  if (from.length > LOOP_MAX) {
    into.set(from, at)
    return at + from.length
  }
  for (let index = 0; index < from.length; index++) into[at + index] = from[index] ?? 0
  return at + from.length
}

/** Writes a latin-1 text. Characters beyond latin-1 would be cut: the caller knows that there are none. */
export function putText(into: Buffer, at: number, text: string): number {
  if (text.length > LOOP_MAX) return at + into.write(text, at, 'latin1')
  for (let index = 0; index < text.length; index++) into[at + index] = text.charCodeAt(index)
  return at + text.length
}

/**
 * Writes the value of a field. What may not stand in one becomes a space: a text of ours can never end a line, wherever
 * it came from.
 */
export function putValue(into: Buffer, at: number, text: string): number {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    into[at + index] = code < 256 && VALUE[code] === 1 ? code : SPACE
  }
  return at + text.length
}

/** Writes the end of a line. */
export function putCrlf(into: Buffer, at: number): number {
  into[at] = CR
  into[at + 1] = LF
  return at + 2
}

/** Copies inside of one array. Short runs by loop: the call costs more than they do. */
export function copyWithin(bytes: Uint8Array, to: number, start: number, end: number): number {
  const length = end - start
  if (length > 24) bytes.copyWithin(to, start, end)
  else for (let index = 0; index < length; index++) bytes[to + index] = bytes[start + index] ?? 0
  return to + length
}

/** Writes a whole number of at most 15 digits. */
export function putDecimal(into: Buffer, at: number, value: number): number {
  let digits = 1
  for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits += 1
  let rest = value
  for (let index = at + digits - 1; index >= at; index--) {
    into[index] = 0x30 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  return at + digits
}

const HEX_DIGITS = bytesOf('0123456789abcdef')

/** Writes a number below 2^31 in hexadecimal, without leading zeros. */
export function putHex(into: Buffer, at: number, value: number): number {
  let digits = 1
  for (let rest = value >>> 4; rest !== 0; rest >>>= 4) digits += 1
  for (let index = 0; index < digits; index++) {
    into[at + index] = HEX_DIGITS[(value >>> (4 * (digits - 1 - index))) & 15] ?? 0
  }
  return at + digits
}

/**
 * The value of 1 to 15 digits; -1 when it is anything else. A sign, a comma or a space has been read in two ways, and a
 * zero in front in three: as nothing, as the mark of octal digits, and as an error.
 */
export function readLength(bytes: Uint8Array, start: number, end: number): number {
  if (end - start < 1 || end - start > 15) return -1
  if (bytes[start] === 0x30 && end - start > 1) return -1
  let value = 0
  for (let index = start; index < end; index++) {
    const digit = (bytes[index] ?? 0) - 0x30
    if (digit < 0 || digit > 9) return -1
    value = value * 10 + digit
  }
  return value
}

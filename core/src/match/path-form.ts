/**
 * Gives a path its one form, or says why two readers could understand it differently.
 *
 * Refused: dot segments, empty segments, `;`, `\`, encoded dots, slashes, back-slashes, semicolons and controls,
 * double encodings, and bytes that are not UTF-8 (an overlong form is a dot or a slash to a careless decoder).
 *
 * @module
 */
import type { Reason } from '#core/reasons.ts'

export type PathForm =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'refused'; readonly reason: Reason }

// What may stand in a segment as it is: `pchar` of RFC 3986 without `;` and percent-encodings.
const SEGMENT_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@"

// What browsers send as it is although RFC 3986 asks for an encoding.
const ENCODED_CHARACTERS = '[]|'

const DOT = 0x2e
const SLASH = 0x2f

/** What is done with a character: keep, refuse as no path, refuse as ambiguous, write as percent-encoding, look ahead. */
type Class = 0 | 1 | 2 | 3 | 4
const KEEP: Class = 0
const INVALID: Class = 1
const AMBIGUOUS: Class = 2
const ENCODE: Class = 3
const PERCENT: Class = 4

const classes = Uint8Array.from({ length: 128 }, (_, code): Class => {
  const character = String.fromCharCode(code)
  if (character === '/' || SEGMENT_CHARACTERS.includes(character)) return KEEP
  if (ENCODED_CHARACTERS.includes(character)) return ENCODE
  if (character === ';' || character === '\\') return AMBIGUOUS
  return character === '%' ? PERCENT : INVALID
})

const INVALID_PATH: PathForm = { kind: 'refused', reason: 'target_invalid' }
const AMBIGUOUS_PATH: PathForm = { kind: 'refused', reason: 'path_ambiguous' }

/** @param raw starts with `/`; the part of the target before `?`. */
export function normalisePath(raw: string): PathForm {
  let path = ''
  // Start of what is not yet copied to `path`: usual paths are not copied at all.
  let copied = 0
  // A slash or a dot was seen behind a slash: only then can a segment be odd.
  let mayBeOdd = false
  let before = 0
  for (let index = 0; index < raw.length; index++) {
    const code = raw.charCodeAt(index)
    const kind = classes[code] ?? INVALID
    if (kind === KEEP) {
      if (before === SLASH && (code === SLASH || code === DOT)) mayBeOdd = true
      before = code
      continue
    }
    if (kind === INVALID) return INVALID_PATH
    if (kind === AMBIGUOUS) return AMBIGUOUS_PATH
    path += raw.slice(copied, index)
    if (kind === ENCODE) {
      path += encode(code)
      copied = index + 1
      continue
    }
    const decoded = readEncoding(raw, index)
    if (decoded === 'invalid') return INVALID_PATH
    if (decoded === 'ambiguous') return AMBIGUOUS_PATH
    path += decoded.text
    copied = index + decoded.length
    index = copied - 1
  }
  if (copied === 0) return mayBeOdd && hasOddSegment(raw) ? AMBIGUOUS_PATH : { kind: 'path', path: raw }
  path += raw.slice(copied)
  return hasOddSegment(path) || isEncodedTwice(path) ? AMBIGUOUS_PATH : { kind: 'path', path }
}

const encode = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

/** Reads one percent-encoded character, which is several encodings when it is not ASCII. */
function readEncoding(
  raw: string,
  index: number,
): { readonly text: string; readonly length: number } | 'invalid' | 'ambiguous' {
  const first = byteAt(raw, index)
  if (first === -1) return 'invalid'
  if (first >= 0x80) return readUtf8(raw, index, first)
  const character = String.fromCharCode(first)
  // Controls (NUL ends a path for some), and whatever has a meaning of its own when it is not encoded.
  if (first < 0x20 || first === 0x7f || './\\;'.includes(character)) return 'ambiguous'
  return { text: SEGMENT_CHARACTERS.includes(character) ? character : encode(first), length: 3 }
}

// Smallest code point of a sequence of that length: what is below is an overlong form (RFC 3629 section 3).
const SMALLEST: readonly number[] = [0, 0, 0x80, 0x800, 0x10000]

function readUtf8(
  raw: string,
  index: number,
  first: number,
): { readonly text: string; readonly length: number } | 'ambiguous' {
  const bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  if (bytes === 1 || first > 0xf4) return 'ambiguous'
  let point = first & (0x7f >> bytes)
  let text = encode(first)
  for (let at = 1; at < bytes; at++) {
    const byte = byteAt(raw, index + 3 * at)
    if (byte < 0x80 || byte > 0xbf) return 'ambiguous'
    point = (point << 6) | (byte & 0x3f)
    text += encode(byte)
  }
  const surrogate = point >= 0xd800 && point <= 0xdfff
  if (point < (SMALLEST[bytes] ?? 0) || point > 0x10ffff || surrogate) return 'ambiguous'
  return { text, length: 3 * bytes }
}

/** The byte of the percent-encoding at `index`; -1 when there is no whole one. */
function byteAt(raw: string, index: number): number {
  if (raw[index] !== '%') return -1
  const high = hexDigit(raw.charCodeAt(index + 1))
  const low = hexDigit(raw.charCodeAt(index + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

/** NaN, as behind the end, is none. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 0x20
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

/** Whether a segment is `.` or `..`, or is empty anywhere but at the end. */
function hasOddSegment(path: string): boolean {
  if (path.includes('//')) return true
  // `.` is usual inside of names: look closer only where a segment begins with one.
  for (let at = path.indexOf('/.'); at !== -1; at = path.indexOf('/.', at + 1)) {
    const behind = path[at + 2] === '.' ? at + 3 : at + 2
    if (behind === path.length || path[behind] === '/') return true
  }
  return false
}

/** `%2541`: whoever decodes twice reads another path. Asked of the result, since the digits may be encoded too. */
function isEncodedTwice(path: string): boolean {
  return path.includes('%25') && /%25[0-9A-Fa-f]{2}/.test(path)
}

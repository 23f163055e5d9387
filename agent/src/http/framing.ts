/**
 * What a request head must be like before anybody asks what it means.
 *
 * Two readers that disagree about where a request ends are how requests get smuggled past a proxy, so everything
 * about framing that has more than one reading is refused: the parser under this engine accepts a little more than
 * we do. Pure.
 *
 * Sources: RFC 9112 section 6.1 to 6.3 and 9.1, RFC 9110 section 10.1.1 (Expect).
 *
 * @module
 */
import { connectionOptions, type RawFields } from './fields.ts'

/** Most header fields of a request. More are refused with 431, never cut off silently. */
export const FIELDS_MAX = 200

/** Longest request line and header fields together, in bytes. */
export const HEAD_BYTES_MAX = 16_384

/** Refusals of the engine itself: there is no request to decide about yet. */
export const wireReasons = {
  framing_invalid: { status: 400, title: 'The request is not valid HTTP/1.1' },
  head_too_large: { status: 431, title: 'The request line or the header fields are too large' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  expectation_unknown: { status: 417, title: 'Only 100-continue may be expected' },
  internal_error: { status: 500, title: 'The request could not be handled' },
} as const satisfies Record<string, { status: number; title: string }>

export type WireReason = keyof typeof wireReasons

export type HeadCheck =
  /** `connection`: options of all `Connection` fields; fields of these names end here. */
  | { readonly kind: 'ok'; readonly connection: ReadonlySet<string>; readonly hasBody: boolean }
  | { readonly kind: 'refused'; readonly reason: WireReason }

const refused = (reason: WireReason): HeadCheck => ({ kind: 'refused', reason })

/** @param version such as `1.1`. */
export function checkHead(version: string, raw: RawFields): HeadCheck {
  if (raw.length > FIELDS_MAX * 2) return refused('head_too_large')
  if (version !== '1.1' && version !== '1.0') return refused('framing_invalid')

  let [lengths, encodings] = [0, 0]
  let [length, encoding] = ['', '']
  let connectionValues: string[] | null = null
  for (let index = 0; index + 1 < raw.length; index += 2) {
    // In bounds by the loop's condition.
    const value = raw[index + 1] ?? ''
    switch (raw[index]?.toLowerCase()) {
      case 'content-length':
        lengths += 1
        length = value
        break
      case 'transfer-encoding':
        encodings += 1
        encoding = value
        break
      case 'connection':
        ;(connectionValues ??= []).push(value)
        break
      default:
    }
  }

  if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) return refused('framing_invalid')
  // A length with a sign, a comma or a space has been read in more than one way.
  if (lengths === 1 && !/^[0-9]{1,15}$/.test(length)) return refused('framing_invalid')
  if (encodings === 1 && (version === '1.0' || encoding.toLowerCase() !== 'chunked')) return refused('framing_invalid')
  const connection = connectionOptions(connectionValues ?? NO_VALUES)
  if (connection === null) return refused('framing_invalid')
  return { kind: 'ok', connection, hasBody: encodings === 1 || (lengths === 1 && Number(length) > 0) }
}

const NO_VALUES: readonly string[] = []

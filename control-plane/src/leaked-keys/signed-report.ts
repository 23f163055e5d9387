/**
 * Whether a report comes from a programme that is trusted: an ECDSA signature over the very bytes of the body.
 *
 * The header fields begin with the name of the programme, such as `Github-Public-Key-Identifier` and
 * `Github-Public-Key-Signature`.
 *
 * @module
 */
import { type KeyObject, verify } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

const IDENTIFIER = /^([a-z0-9]+)-public-key-identifier$/

/** The signature of a report, as its header fields have it. */
export interface ReportSignature {
  readonly keyIdentifier: string
  /** DER of RFC 3279. */
  readonly signature: Buffer
}

/** @returns null when there is none, or more than one: nobody could say which of them counts. */
export function readReportSignature(headers: IncomingHttpHeaders): ReportSignature | null {
  const names = Object.keys(headers).filter((name) => IDENTIFIER.test(name))
  const [name, ...others] = names
  if (name === undefined || others.length > 0) return null
  const keyIdentifier = headers[name]
  const signature = headers[name.replace(/identifier$/, 'signature')]
  if (typeof keyIdentifier !== 'string' || typeof signature !== 'string') return null
  if (!/^[A-Za-z0-9+/]{1,200}={0,2}$/.test(signature)) return null
  return { keyIdentifier, signature: Buffer.from(signature, 'base64') }
}

export function isSignedBy(key: KeyObject, body: Uint8Array, { signature }: ReportSignature): boolean {
  return verify('sha256', body, { key, dsaEncoding: 'der' }, signature)
}

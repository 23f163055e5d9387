/**
 * What a client certificate says about its holder, once the handshake is done.
 *
 * @module
 */
import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { TlsPeer } from '@headgate/core'
import type { Presented } from './certificates.ts'

/** @returns null when none was asked for or presented. */
export function readTlsPeer(socket: TLSSocket, { name: certificate, authorities }: Presented): TlsPeer | null {
  if (authorities === null) return null
  const leaf = socket.getPeerX509Certificate()
  if (leaf === undefined) return null
  const sha256 = leaf.fingerprint256.replaceAll(':', '').toLowerCase()
  if (!socket.authorized) return { kind: 'unverified', certificate, sha256, why: String(socket.authorizationError) }
  return {
    kind: 'verified',
    certificate,
    authorities,
    sha256,
    subject: leaf.subject ?? '',
    names: namesOf(leaf),
    notAfterMs: Date.parse(leaf.validTo),
  }
}

/** A name, and its value as JSON where it holds anything that could be taken for another name. */
const NAME = /([^:,]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y

/** Subject alternative names, such as `URI:spiffe://acme/ci`. */
function namesOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  const names: string[] = []
  NAME.lastIndex = 0
  for (let found = NAME.exec(subjectAltName); found !== null; found = NAME.exec(subjectAltName)) {
    const [, kind = '', value = ''] = found
    names.push(`${kind}:${value.startsWith('"') ? String(JSON.parse(value)) : value}`)
    if (NAME.lastIndex === subjectAltName.length) break
  }
  return names
}

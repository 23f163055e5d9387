/**
 * What a client certificate says about its holder, once the handshake is done.
 *
 * @module
 */
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
    names: subjectNames(leaf.subjectAltName ?? ''),
    notAfterMs: Date.parse(leaf.validTo),
  }
}

/** A name, and its value as JSON where it holds anything that could be taken for another name (CVE-2021-44532). */
const NAME = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"'\\]*)(?:, (?!$)|$)/y

/**
 * Subject alternative names, such as `URI:spiffe://acme/ci`. All of them or none: a text that is read in part could be
 * read as another one.
 */
export function subjectNames(text: string): readonly string[] {
  const names: string[] = []
  for (let at = 0; at < text.length; at = NAME.lastIndex) {
    NAME.lastIndex = at
    const found = NAME.exec(text)
    const [, kind = '', value = ''] = found ?? []
    const read = value.startsWith('"') ? fromJson(value) : value
    if (found === null || read === null) return []
    names.push(`${kind}:${read}`)
  }
  return names
}

function fromJson(text: string): string | null {
  try {
    return String(JSON.parse(text))
  } catch {
    return null
  }
}

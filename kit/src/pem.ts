/**
 * Certificates and keys as text and as hashes, for those who only pass them on: `pki.ts` makes them, and is large.
 *
 * @module
 */
import { createHash } from 'node:crypto'

/** SHA-256 of a certificate's DER; 32 bytes. Says "this very authority" without carrying it. */
export function certificatePin(certificate: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(certificate).digest())
}

/** DER as PEM, which is what TLS libraries take. */
export function pem(label: 'CERTIFICATE' | 'PRIVATE KEY' | 'X509 CRL', der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/**
 * Looks at the certificate that a server presents, so that somebody can decide whether to trust it.
 *
 * Nothing is sent over the connection: it ends as soon as the certificate is there.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { CliError } from '#cli/exit.ts'

const TIMEOUT_MS = 10_000

export interface Presented {
  /** PEM of the certificate that the server presents for itself. */
  readonly pem: string
  /** SHA-256, as `sha256:` and lower-case hexadecimal. */
  readonly fingerprint: string
  /** Vouched for by an authority that the system trusts, and carrying the right name. */
  readonly trusted: boolean
}

/** @throws CliError when there is no TLS server. */
export async function lookAtCertificate(baseUrl: string): Promise<Presented> {
  const { hostname, port } = new URL(baseUrl)
  const host = hostname.replaceAll(/^\[|\]$/g, '')
  const { promise, resolve, reject } = Promise.withResolvers<Presented>()
  const socket = connect({
    host,
    port: Number(port || 443),
    // A name is only sent for a name (RFC 6066 section 3).
    ...(/^[0-9.]+$|:/.test(host) ? {} : { servername: host }),
    // The certificate is judged by the caller; this socket carries no data.
    rejectUnauthorized: false,
    timeout: TIMEOUT_MS,
  })
  socket.once('secureConnect', () => {
    const { raw } = socket.getPeerCertificate()
    const certificate = new X509Certificate(raw)
    resolve({ pem: certificate.toString(), fingerprint: fingerprintOf(certificate), trusted: socket.authorized })
  })
  socket.once('timeout', () => reject(new Error(`no answer within ${TIMEOUT_MS} ms`)))
  socket.once('error', reject)
  try {
    return await promise
  } catch (thrown) {
    throw new CliError(`${baseUrl} cannot be reached`, { cause: thrown, fix: 'Check the address and that it runs' })
  } finally {
    socket.destroy()
  }
}

/** SHA-256 of a certificate, as it is shown and compared. */
export function fingerprintOf(certificate: X509Certificate): string {
  return `sha256:${certificate.fingerprint256.replaceAll(':', '').toLowerCase()}`
}

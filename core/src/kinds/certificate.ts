/**
 * Kind `certificate`: what HTTPS listeners present, by server name.
 *
 * @module
 */
import { z } from 'zod'
import { certificateChain, certificatesPem, hostPattern, privateKeyReference, revocationListsPem } from './common.ts'

/** What is spoken in a handshake. From the stricter to the looser. */
export const tlsProfile = z
  .enum(['modern', 'intermediate'])
  .describe('modern: TLS 1.3 only; intermediate: TLS 1.2 too, with forward secrecy and authenticated encryption')

/** Clients that prove themselves in the handshake. */
const clientCertificates = z.strictObject({
  mode: z
    .enum(['optional', 'required'])
    .describe('required: nobody reaches these hosts without; optional: asked for, and who has none is served too'),
  ca: certificatesPem.describe('Authorities that client certificates must come from, in PEM'),
  crl: revocationListsPem
    .optional()
    .describe(
      'What these authorities have revoked: a list of each, in PEM. Without the list of an authority, or after its end, its certificates are not trusted',
    ),
})

export const certificateSpec = z
  .strictObject({
    hosts: z.array(hostPattern).min(1).max(100).describe('Server names it is presented for'),
    chain: certificateChain,
    key: privateKeyReference,
    alternative: z
      .strictObject({ chain: certificateChain, key: privateKeyReference })
      .optional()
      .describe('The same names with a key of another kind, such as RSA beside ECDSA, for clients that need it'),
    profile: tlsProfile.optional().describe('Profile of these hosts; the stricter of this and that of the agent holds'),
    client_certificates: clientCertificates.optional().describe('Whether clients present certificates; default: no'),
  })
  .describe('Certificate of an HTTPS listener')

/** Name of a profile. */
export type TlsProfile = z.output<typeof tlsProfile>
/** A certificate as written. */
export type CertificateSpec = z.input<typeof certificateSpec>

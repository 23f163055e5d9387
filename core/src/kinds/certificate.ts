/**
 * Kind `certificate`: what HTTPS listeners present, by server name.
 *
 * @module
 */
import { z } from 'zod'
import { hostPattern, secretReference } from './common.ts'

export const certificateSpec = z
  .strictObject({
    hosts: z.array(hostPattern).min(1).max(100).describe('Server names it is presented for'),
    chain: z
      .string()
      .max(100_000)
      .regex(/^-----BEGIN CERTIFICATE-----/, 'PEM, the leaf first')
      .refine((pem) => !pem.includes('PRIVATE KEY'), {
        error: 'holds a private key: give it as a secret reference in key',
      })
      .describe('Certificate chain in PEM, the leaf first'),
    key: secretReference.describe('Where the agent reads the private key (PEM)'),
  })
  .describe('Certificate of an HTTPS listener')

/** A certificate as written. */
export type CertificateSpec = z.input<typeof certificateSpec>

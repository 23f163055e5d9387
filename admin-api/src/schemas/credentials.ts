/**
 * What proves a consumer beside API keys and tokens: client certificates and keys that sign requests.
 *
 * @module
 */
import { certificateIdentities, secretReference } from '@headgate/core'
import { z } from 'zod'
import { instant, reference } from './common.ts'
import { receipt } from './consumers.ts'
import { addresses, credentialLabel, credentialState, lastUsed, scopes } from './credential-parts.ts'

export const credentialKind = z.enum(['certificate', 'signing_key'])

const identityKind = z
  .enum(certificateIdentities)
  .describe('By what the certificate names its holder: a name of its kind in the certificate, its subject, or itself')

const identity = z
  .strictObject({
    kind: identityKind,
    value: z
      .string()
      .min(1)
      .max(1_024)
      .describe(
        'uri: spiffe://acme/ci; dns: ci.acme.test; email: ci@acme.test; subject: CN=ci,O=acme, attributes in the order ' +
          'of the certificate; fingerprint: SHA-256 of the certificate in hexadecimal',
      ),
  })
  .meta({ id: 'CertificateIdentity' })

const keyId = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'visible ASCII without quotes and backslashes')
  .describe('What keyid of a signature says')

const publicKey = z
  .string()
  .max(4_096)
  .regex(/^-----BEGIN PUBLIC KEY-----/, 'a public key in PEM')
  .describe('Ed25519 public key in PEM (SubjectPublicKeyInfo)')

export const credential = z
  .object({
    id: z.string(),
    kind: credentialKind,
    name: z.string(),
    consumer: z.string().describe('Name of the consumer'),
    identity: z.object({ kind: identityKind, value: z.string() }).nullable().describe('Of a certificate'),
    key_id: z.string().nullable().describe('Of a signing key, as the next three'),
    algorithm: z.enum(['ed25519', 'hmac-sha256']).nullable(),
    public_key: z.string().nullable().describe('PEM'),
    secret: z.string().nullable().describe('Secret reference; the agent reads the secret'),
    scopes: z.array(z.string()),
    addresses: z.array(z.string()),
    state: credentialState,
    expires_at: instant.nullable(),
    last_used: lastUsed.nullable().describe('null: never'),
    created_by: z.string(),
    created_at: instant,
    revoked_at: instant.nullable(),
  })
  .meta({ id: 'Credential' })

const common = {
  consumer: reference.describe('Name or id; created when it does not exist and create_consumer is true'),
  create_consumer: z.boolean().default(false),
  name: credentialLabel.default(''),
  scopes: scopes.default([]),
  addresses: addresses.default([]),
  expires_at: instant.optional().describe('In the future'),
}

export const credentialCreate = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('certificate'), identity, ...common }),
  z.discriminatedUnion('algorithm', [
    z.strictObject({
      kind: z.literal('signing_key'),
      key_id: keyId,
      algorithm: z.literal('ed25519'),
      public_key: publicKey,
      ...common,
    }),
    z.strictObject({
      kind: z.literal('signing_key'),
      key_id: keyId,
      algorithm: z.literal('hmac-sha256'),
      secret: secretReference.describe('Where the agent reads the shared secret'),
      ...common,
    }),
  ]),
])

export const credentialPatch = z.strictObject({
  name: credentialLabel.optional(),
  scopes: scopes.optional(),
  addresses: addresses.optional(),
  disabled: z.boolean().optional(),
})

export const credentialFilter = {
  consumer: reference.optional().describe('Name or id'),
  kind: credentialKind.optional(),
  state: credentialState.optional(),
}

export const credentialChanged = credential.extend({ receipt: receipt.nullable().describe('With wait=true') })

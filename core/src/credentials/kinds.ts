/**
 * The kinds of credentials, and what a policy can ask of each.
 *
 * @module
 */

/** What a caller can present. */
export const credentialKinds = ['api_key', 'jwt', 'introspection', 'mtls', 'signature'] as const
export type CredentialKind = (typeof credentialKinds)[number]

/**
 * By what a client certificate names its holder: a subject alternative name (a SPIFFE id is a `uri`), the subject as a
 * whole, or the SHA-256 of the certificate.
 */
export const certificateIdentities = ['uri', 'dns', 'email', 'subject', 'fingerprint'] as const
export type CertificateIdentity = (typeof certificateIdentities)[number]

/**
 * Credentials as REST shows them. A shared secret is a reference here as well.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { readIdentity } from './identity.ts'
import { lastUsedView } from './last-used.ts'
import { stateOf } from './state.ts'
import type { CredentialRow } from './store.ts'

export function credentialView(row: CredentialRow, nowMs: number): Answered<'getCredential'> {
  const isCertificate = row.kind === 'certificate'
  return {
    id: row.id,
    kind: isCertificate ? 'certificate' : 'signing_key',
    name: row.name,
    consumer: row.consumer.name,
    identity: isCertificate ? readIdentity(row.subject) : null,
    key_id: isCertificate ? null : row.subject,
    algorithm: row.algorithm === 'ed25519' || row.algorithm === 'hmac-sha256' ? row.algorithm : null,
    public_key: row.publicKey,
    secret: row.secret,
    scopes: row.scopes,
    addresses: row.addresses,
    state: stateOf(row, nowMs),
    expires_at: row.expiresAt?.toISOString() ?? null,
    last_used: lastUsedView(row),
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    revoked_at: row.revokedAt?.toISOString() ?? null,
  }
}

/**
 * Operators and tokens as REST shows them.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { type OperatorRow, type TokenRow, readRole } from './store.ts'
import { secretHint } from './secrets.ts'

export function operatorView(row: OperatorRow): Answered<'updateOperator'> {
  return {
    id: row.id,
    name: row.name,
    // A check in the database admits two words.
    kind: row.kind === 'service' ? 'service' : 'person',
    disabled: row.disabled,
    roles: row.roles.map(({ tenant, role }) => ({ tenant: tenant?.name ?? null, role: readRole(role) })),
    created_at: row.createdAt.toISOString(),
  }
}

export function tokenView(row: TokenRow): Answered<'revokeOperatorToken'> {
  return {
    id: row.id,
    name: row.name,
    operator: row.operator.name,
    hint: secretHint(row.last4),
    expires_at: row.expiresAt?.toISOString() ?? null,
    revoked_at: row.revokedAt?.toISOString() ?? null,
    created_at: row.createdAt.toISOString(),
  }
}

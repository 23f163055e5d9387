/**
 * Who calls the admin API, and what that caller may do. The one place that knows what roles mean.
 *
 * @module
 */
import type { OperatorRole } from '@headgate/admin-api'

export interface RoleGrant {
  /** Null: on everything. */
  readonly tenantId: string | null
  readonly role: OperatorRole
}

/** A proven operator. */
export interface Caller {
  readonly operatorId: string
  readonly name: string
  readonly roles: readonly RoleGrant[]
  readonly via: 'token' | 'session'
  /** Id of the token or session. */
  readonly credentialId: string
}

const RANK = { viewer: 1, editor: 2, owner: 3 } as const satisfies Record<OperatorRole, number>

/** Rank of nobody: less than any role. */
const NONE = 0

function highest(grants: readonly RoleGrant[]): number {
  return Math.max(NONE, ...grants.map(({ role }) => RANK[role]))
}

export type Permission = 'allowed' | 'not_allowed' | 'invisible'

/**
 * Whether a caller may do on a tenant what needs this role.
 *
 * @returns `invisible` when the caller has no role there: the tenant must look as if it did not exist.
 */
export function permissionOnTenant(caller: Caller, tenantId: string, needed: OperatorRole): Permission {
  const rank = highest(caller.roles.filter((grant) => grant.tenantId === null || grant.tenantId === tenantId))
  if (rank === NONE) return 'invisible'
  return rank >= RANK[needed] ? 'allowed' : 'not_allowed'
}

/** Whether a caller has this role or a higher one on everything. */
export function mayOnEverything(caller: Caller, needed: OperatorRole): boolean {
  return highest(caller.roles.filter((grant) => grant.tenantId === null)) >= RANK[needed]
}

/** Whether a caller has this role or a higher one anywhere. */
export function maySomewhere(caller: Caller, needed: OperatorRole): boolean {
  return highest(caller.roles) >= RANK[needed]
}

/** Tenants that the caller sees; `all` with a role on everything. */
export function visibleTenants(caller: Caller): 'all' | readonly string[] {
  const ids = caller.roles.map(({ tenantId }) => tenantId)
  return ids.includes(null) ? 'all' : ids.filter((id) => id !== null)
}

/**
 * Finds the tenant and environment that a path names, for callers who may see them.
 *
 * @module
 */
import type { Operation } from '@headgate/admin-api'
import type { Database } from '@headgate/prisma'
import type { EnvironmentScope, TenantScope } from '#control-plane/db.ts'
import { type Caller, mayOnEverything, maySomewhere, permissionOnTenant } from '#control-plane/operators/caller.ts'
import { findEnvironment, findTenant } from '#control-plane/resources/tenants/store.ts'
import { notFound, refuse } from './refusal.ts'

/** What the path names, after the caller's role on it was checked. */
export interface Scopes {
  readonly tenant?: TenantScope
  readonly environment?: EnvironmentScope
}

/**
 * @param params as parsed by the operation's schema.
 * @throws Refusal `not_allowed` when the role is too low; `not_found` when there is nothing, or nothing that the caller
 *   may know of.
 */
export async function authorise(
  db: Database,
  caller: Caller,
  operation: Operation,
  params: Record<string, unknown>,
): Promise<Scopes> {
  const { role } = operation
  // Who needs no role needs no caller either, and does not come here.
  if (role === 'anyone') return {}
  const { tenant: reference, environment: environmentReference } = params
  if (typeof reference !== 'string') {
    const allowed = operation.scope === 'everything' ? mayOnEverything(caller, role) : maySomewhere(caller, role)
    return allowed ? {} : notAllowed(operation, operation.scope === 'everything' ? 'on everything' : 'on a tenant')
  }
  const tenant = await findTenant(db, reference)
  const permission = tenant === null ? 'invisible' : permissionOnTenant(caller, tenant.tenantId, role)
  if (tenant === null || permission === 'invisible') return notFound('tenant', reference)
  // Before the environment is looked for: a role that is too low learns nothing from the difference.
  if (permission === 'not_allowed') return notAllowed(operation, `on tenant ${tenant.tenantName}`)
  if (typeof environmentReference !== 'string') return { tenant }
  const environment = await findEnvironment(db, tenant, environmentReference)
  return environment === null ? notFound('environment', environmentReference) : { tenant, environment }
}

function notAllowed(operation: Operation, where: string): never {
  return refuse('not_allowed', `This needs the role ${operation.role} ${where}`)
}

/**
 * Operations on tenants and environments.
 *
 * @module
 */
import { list } from '#admin-api/schemas/common.ts'
import * as tenants from '#admin-api/schemas/tenants.ts'
import { E, ofEnvironment, ofTenant, operation, pageQuery } from './define.ts'

export const tenantOperations = {
  listTenants: operation({
    method: 'GET',
    path: '/v1/tenants',
    tag: 'tenants',
    role: 'viewer',
    scope: 'tenant',
    summary: 'List the tenants that the operator may see',
    query: pageQuery,
    response: list(tenants.tenant),
  }),
  createTenant: operation({
    method: 'POST',
    path: '/v1/tenants',
    tag: 'tenants',
    role: 'owner',
    scope: 'everything',
    status: 201,
    summary: 'Create a tenant',
    body: tenants.tenantCreate,
    response: tenants.tenant,
    problems: ['name_taken'],
  }),
  getTenant: operation({
    method: 'GET',
    path: '/v1/tenants/{tenant}',
    tag: 'tenants',
    role: 'viewer',
    summary: 'Show a tenant',
    params: ofTenant,
    response: tenants.tenant,
    problems: ['not_found'],
  }),
  listEnvironments: operation({
    method: 'GET',
    path: '/v1/tenants/{tenant}/environments',
    tag: 'tenants',
    role: 'viewer',
    summary: 'List environments',
    params: ofTenant,
    query: pageQuery,
    response: list(tenants.environment),
    problems: ['not_found'],
  }),
  createEnvironment: operation({
    method: 'POST',
    path: '/v1/tenants/{tenant}/environments',
    tag: 'tenants',
    role: 'owner',
    status: 201,
    summary: 'Create an environment',
    params: ofTenant,
    body: tenants.environmentCreate,
    response: tenants.environment,
    problems: ['not_found', 'name_taken'],
  }),
  getEnvironment: operation({
    method: 'GET',
    path: E,
    tag: 'tenants',
    role: 'viewer',
    summary: 'Show an environment',
    params: ofEnvironment,
    response: tenants.environment,
    problems: ['not_found'],
  }),
} as const

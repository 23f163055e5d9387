/**
 * How operations are written down: what most of them have in common is filled in.
 *
 * @module
 */
import { z } from 'zod'
import type { Operation } from '#admin-api/operation.ts'
import { page, reference } from '#admin-api/schemas/common.ts'

const none = z.strictObject({})
/** Query of a list without filters. */
export const pageQuery = z.strictObject(page)
/** Path parameters below a tenant. */
export const ofTenant = z.strictObject({ tenant: reference })
/** Path parameters below an environment. */
export const ofEnvironment = ofTenant.extend({ environment: reference })

/** Fills in what most operations have in common; keeps the types of the schemas. */
export function operation<
  P extends z.ZodObject = typeof none,
  Q extends z.ZodObject = typeof none,
  B extends z.ZodType | null = null,
  R extends z.ZodType | null = null,
>(
  given: Pick<Operation, 'method' | 'path' | 'tag' | 'summary' | 'role'> & {
    readonly scope?: Operation['scope']
    readonly params?: P
    readonly query?: Q
    readonly body?: B
    readonly status?: Operation['status']
    readonly response?: R
    readonly etag?: boolean
    readonly problems?: Operation['problems']
  },
) {
  return {
    scope: given.path.includes('{tenant}') ? 'tenant' : 'everything',
    status: 200,
    etag: false,
    problems: [],
    ...given,
    params: (given.params ?? none) as P,
    query: (given.query ?? none) as Q,
    body: (given.body ?? null) as B,
    response: (given.response ?? null) as R,
  } as const satisfies Operation
}

/** Path of an environment. */
export const E = '/v1/tenants/{tenant}/environments/{environment}'

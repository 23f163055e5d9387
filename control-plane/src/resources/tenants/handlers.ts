/**
 * Tenants and environments.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import type { Environment, Tenant } from '@headgate/prisma'
import { change } from '#control-plane/audit/audit.ts'
import { isUniqueViolation } from '#control-plane/db.ts'
import { visibleTenants } from '#control-plane/operators/caller.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { refuse } from '#control-plane/rest/refusal.ts'
import { defaultLimits } from '#control-plane/resources/environments/default-limits.ts'
import { raiseDraft } from '#control-plane/resources/environments/sequences.ts'
import { readStage, stageOfName } from '#control-plane/resources/environments/stage.ts'
import { insertObjects } from '#control-plane/resources/objects/store.ts'
import * as store from './store.ts'

type Ids = 'listTenants' | 'createTenant' | 'getTenant' | 'listEnvironments' | 'createEnvironment' | 'getEnvironment'

export const tenantHandlers = {
  listTenants: async ({ services, caller }, { query }) => {
    const after = readCursor(query.cursor, idKey)?.[0]
    const rows = await store.listTenants(services.db, visibleTenants(caller), after, query.limit + 1)
    return toPage(rows, query.limit, ({ id }) => [id], tenantView)
  },

  createTenant: async (context, { body }) => {
    try {
      return await change(context, async (tx) => {
        const row = await store.insertTenant(tx, body.name, context.services.clock.now())
        const result = tenantView(row)
        const target = { kind: 'tenant', id: row.id, name: row.name }
        return { result, audit: { action: 'tenant.create', target, tenantId: row.id, after: result } }
      })
    } catch (thrown) {
      if (isUniqueViolation(thrown)) return refuse('name_taken', `A tenant ${body.name} exists`)
      throw thrown
    }
  },

  getTenant: async ({ services, tenant }) => tenantView(await store.getTenant(services.db, tenant)),

  listEnvironments: async ({ services, tenant }, { query }) => {
    const after = readCursor(query.cursor, idKey)?.[0]
    const rows = await store.listEnvironments(services.db, tenant, after, query.limit + 1)
    return toPage(
      rows,
      query.limit,
      ({ id }) => [id],
      (row) => environmentView(row, tenant.tenantName),
    )
  },

  createEnvironment: async (context, { body }) => {
    const { tenant, services } = context
    try {
      return await change(context, async (tx) => {
        const nowMs = services.clock.now()
        const stage = body.stage ?? stageOfName(body.name)
        const inserted = await store.insertEnvironment(tx, tenant, { name: body.name, stage }, nowMs)
        const scope = { ...tenant, environmentId: inserted.id, environmentName: inserted.name }
        if (body.default_limits) {
          await insertObjects(tx, scope, defaultLimits(stage), nowMs)
          await raiseDraft(tx, scope)
        }
        const row = await store.getEnvironment(tx, scope)
        const result = environmentView(row, tenant.tenantName)
        const target = { kind: 'environment', id: row.id, name: row.name }
        return {
          result,
          audit: {
            action: 'environment.create',
            target,
            tenantId: tenant.tenantId,
            environmentId: row.id,
            after: result,
          },
        }
      })
    } catch (thrown) {
      if (isUniqueViolation(thrown))
        return refuse('name_taken', `Tenant ${tenant.tenantName} has an environment ${body.name}`)
      throw thrown
    }
  },

  getEnvironment: async ({ services, environment }) =>
    environmentView(await store.getEnvironment(services.db, environment), environment.tenantName),
} satisfies HandlersOf<Ids>

function tenantView({ id, name, createdAt }: Tenant): Answered<'getTenant'> {
  return { id, name, created_at: createdAt.toISOString() }
}

function environmentView(row: Environment, tenantName: string): Answered<'getEnvironment'> {
  return {
    id: row.id,
    tenant: tenantName,
    name: row.name,
    stage: readStage(row.stage),
    release_number: row.releaseNumber,
    draft_revision: Number(row.draftRevision),
    directory_sequence: Number(row.directorySequence),
    created_at: row.createdAt.toISOString(),
  }
}

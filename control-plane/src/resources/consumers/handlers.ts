/**
 * Consumers: configured callers. Changes are live at once, without a release.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import type { Consumer } from '@headgate/prisma'
import { change } from '#control-plane/audit/audit.ts'
import { type EnvironmentScope, type Tx, isUniqueViolation } from '#control-plane/db.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { notFound, refuse } from '#control-plane/rest/refusal.ts'
import { lockEnvironment, raiseDirectory } from '#control-plane/resources/environments/sequences.ts'
import { revokeKeysOf } from '#control-plane/resources/keys/store.ts'
import * as store from './store.ts'

type Ids = 'listConsumers' | 'createConsumer' | 'getConsumer' | 'updateConsumer' | 'deleteConsumer'

export const consumerHandlers = {
  listConsumers: async ({ services, environment }, { query }) => {
    const after = readCursor(query.cursor, idKey)?.[0]
    const rows = await store.listConsumers(services.db, environment, after, query.limit + 1)
    return toPage(rows, query.limit, ({ id }) => [id], consumerView)
  },

  createConsumer: async (context, { body }) => {
    const { environment, services } = context
    try {
      return await change(context, async (tx) => {
        const sequence = await raiseDirectory(tx, environment)
        const row = await store.insertConsumer(tx, environment, body.name, sequence, services.clock.now())
        await services.fleet.notifyDirectory(tx, environment.environmentId)
        const result = consumerView(row)
        return { result, audit: { action: 'consumer.create', ...about(environment, row), after: result } }
      })
    } catch (thrown) {
      if (isUniqueViolation(thrown)) return refuse('name_taken', `A consumer ${body.name} exists`)
      throw thrown
    }
  },

  getConsumer: async ({ services, environment }, { params }) =>
    consumerView(await find(services.db, environment, params.consumer)),

  updateConsumer: async (context, { params, body, ifMatch }) => {
    const { environment, services } = context
    return change(context, async (tx) => {
      await lockEnvironment(tx, environment)
      const before = await find(tx, environment, params.consumer)
      if (ifMatch !== null && ifMatch !== 'any' && ifMatch !== before.revision) {
        refuse('revision_stale', `It is at revision ${before.revision}`)
      }
      if (before.disabled === body.disabled) return { result: consumerView(before), audit: null }
      const row = await store.setDisabled(
        tx,
        environment,
        before.id,
        body.disabled,
        await raiseDirectory(tx, environment),
      )
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const result = consumerView(row)
      const action = body.disabled ? 'consumer.disable' : 'consumer.enable'
      return { result, audit: { action, ...about(environment, row), before: consumerView(before), after: result } }
    })
  },

  deleteConsumer: async (context, { params }) => {
    const { environment, services } = context
    await change(context, async (tx) => {
      await lockEnvironment(tx, environment)
      const before = await find(tx, environment, params.consumer)
      const now = new Date(services.clock.now())
      const sequence = await raiseDirectory(tx, environment)
      const revoked = await revokeKeysOf(tx, environment, before.id, sequence, now)
      await store.markDeleted(tx, environment, before.id, sequence, now)
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const audit = {
        action: 'consumer.delete',
        ...about(environment, before),
        before: consumerView(before),
        after: { revoked_keys: revoked },
      }
      return { result: undefined, audit }
    })
    return undefined
  },
} satisfies HandlersOf<Ids>

async function find(db: Tx, environment: EnvironmentScope, reference: string): Promise<Consumer> {
  return (await store.findConsumer(db, environment, reference)) ?? notFound('consumer', reference)
}

export function about({ tenantId, environmentId }: EnvironmentScope, { id, name }: { id: string; name: string }) {
  return { target: { kind: 'consumer', id, name }, tenantId, environmentId }
}

export function consumerView(row: Consumer): Answered<'getConsumer'> {
  return {
    id: row.id,
    name: row.name,
    disabled: row.disabled,
    revision: row.revision,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  }
}

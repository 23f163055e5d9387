/**
 * Consumers: configured callers. Changes are live at once, without a release.
 *
 * @module
 */
import type { Answered, Given } from '@headgate/admin-api'
import type { Consumer } from '@headgate/prisma'
import { change } from '#control-plane/audit/audit.ts'
import { type EnvironmentScope, type Tx, isUniqueViolation } from '#control-plane/db.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { notFound, refuse } from '#control-plane/rest/refusal.ts'
import { unique } from '#control-plane/resources/credentials/input.ts'
import { revokeCredentialsOf } from '#control-plane/resources/credentials/store.ts'
import { lockEnvironment, raiseDirectory } from '#control-plane/resources/environments/sequences.ts'
import { revokeKeysOf } from '#control-plane/resources/keys/store.ts'
import { checkRoles } from './roles.ts'
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
        const roles = unique(body.roles)
        await checkRoles(tx, environment, roles)
        const row = await store.insertConsumer(
          tx,
          environment,
          { name: body.name, roles, sequence },
          services.clock.now(),
        )
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
      const data = changesOf(before, body)
      if (Object.keys(data).length === 0) return { result: consumerView(before), audit: null }
      await checkRoles(tx, environment, data.roles ?? [], before.roles)
      const sequence = await raiseDirectory(tx, environment)
      const row = await store.updateConsumer(tx, environment, before.id, { ...data, sequence })
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const result = consumerView(row)
      const action = actionOf(data)
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
      const others = await revokeCredentialsOf(tx, environment, before.id, sequence, now)
      await store.markDeleted(tx, environment, before.id, sequence, now)
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const audit = {
        action: 'consumer.delete',
        ...about(environment, before),
        before: consumerView(before),
        after: { revoked_keys: revoked, revoked_credentials: others },
      }
      return { result: undefined, audit }
    })
    return undefined
  },
} satisfies HandlersOf<Ids>

/** What is asked and is not so already. */
function changesOf(
  before: Consumer,
  { disabled, roles }: Given<'updateConsumer'>['body'],
): Omit<store.ConsumerChange, 'sequence'> {
  const wanted = roles === undefined ? undefined : unique(roles)
  return {
    ...(disabled === undefined || disabled === before.disabled ? {} : { disabled }),
    ...(wanted === undefined || wanted.join(' ') === before.roles.join(' ') ? {} : { roles: wanted }),
  }
}

function actionOf({ disabled, roles }: Omit<store.ConsumerChange, 'sequence'>): string {
  if (disabled === undefined || roles !== undefined) return 'consumer.update'
  return disabled ? 'consumer.disable' : 'consumer.enable'
}

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
    roles: row.roles,
    revision: row.revision,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  }
}

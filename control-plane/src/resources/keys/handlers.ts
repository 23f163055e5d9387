/**
 * API keys: create, show, change, revoke, rotate. Changes are live at once; with `wait=true` the answer says on which
 * agents.
 *
 * @module
 */
import type { Given } from '@headgate/admin-api'
import { type AuditNote, change } from '#control-plane/audit/audit.ts'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { notFound, refuse } from '#control-plane/rest/refusal.ts'
import { chooseConsumer } from '#control-plane/resources/consumers/choose.ts'
import { findConsumer } from '#control-plane/resources/consumers/store.ts'
import { checkAddresses, readExpiry, unique } from '#control-plane/resources/credentials/input.ts'
import { receiptOf } from '#control-plane/resources/credentials/receipt.ts'
import { stateOf } from '#control-plane/resources/credentials/state.ts'
import { lockEnvironment, raiseDirectory } from '#control-plane/resources/environments/sequences.ts'
import { createKey } from './create.ts'
import { type KeyLimit, checkLimitsCounted, readLimits } from './limits.ts'
import { keyReport } from './report.ts'
import * as store from './store.ts'
import { keyView } from './view.ts'

type Ids = 'listKeys' | 'createKey' | 'reportKeys' | 'getKey' | 'updateKey' | 'revokeKey' | 'rotateKey'

export const keyHandlers = {
  listKeys: async ({ services, environment }, { query }) => {
    const { db, clock } = services
    const afterId = readCursor(query.cursor, idKey)?.[0]
    const consumer = query.consumer === undefined ? undefined : await findConsumer(db, environment, query.consumer)
    if (consumer === null) return notFound('consumer', query.consumer ?? '')
    const nowMs = clock.now()
    const rows = await store.listKeys(db, environment, {
      consumerId: consumer?.id,
      state: query.state,
      unusedForDays: query.unused_for_days,
      expiringWithinDays: query.expiring_within_days,
      nowMs,
      afterId,
      take: query.limit + 1,
    })
    return toPage(
      rows,
      query.limit,
      ({ id }) => [id],
      (row) => keyView(row, nowMs),
    )
  },

  createKey: async (context, { query, body }) => {
    const { environment, services, caller } = context
    const nowMs = services.clock.now()
    checkAddresses(body.addresses)
    const expiresAt = readExpiry(body.expires_at, nowMs)
    const limits = body.limits.map(limitOf)
    const { row, text } = await change(context, async (tx) => {
      const sequence = await raiseDirectory(tx, environment)
      const { consumerId, created } = await chooseConsumer(tx, environment, body, sequence, nowMs)
      await checkLimitsCounted(tx, environment, limits)
      const key = {
        consumerId,
        name: body.name,
        limits,
        decoy: body.decoy,
        expiresAt,
        sequence,
        createdBy: caller.name,
        scopes: unique(body.scopes),
        addresses: unique(body.addresses),
      }
      const result = await createKey(tx, environment, key, nowMs)
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const after = { ...keyView(result.row, nowMs), consumer_created: created }
      return { result, audit: { action: 'api_key.create', ...about(environment, result.row), after } }
    })
    return { ...keyView(row, nowMs), key: text, receipt: await receiptOf(context, row.sequence, query) }
  },

  reportKeys: ({ services, environment }, { query }) =>
    keyReport(services.db, environment, query, services.clock.now()),

  getKey: async ({ services, environment }, { params }) =>
    keyView(await find(services.db, environment, params.key), services.clock.now()),

  updateKey: async (context, { params, query, body }) => {
    const { environment, services } = context
    if (body.addresses !== undefined) checkAddresses(body.addresses)
    const row = await change(context, async (tx) => {
      const before = await lockKey(tx, environment, params.key)
      const nowMs = services.clock.now()
      if (before.state === 'revoked') refuse('state_conflict', 'The key is revoked for good')
      const data = {
        ...(body.name === undefined ? {} : { name: body.name }),
        ...(body.scopes === undefined ? {} : { scopes: unique(body.scopes) }),
        ...(body.addresses === undefined ? {} : { addresses: unique(body.addresses) }),
        ...(body.limits === undefined ? {} : { limits: body.limits.map(limitOf) }),
        ...(body.disabled === undefined ? {} : { state: body.disabled ? ('disabled' as const) : ('active' as const) }),
      }
      if (Object.keys(data).length === 0) return { result: before, audit: null }
      await checkLimitsCounted(tx, environment, data.limits ?? [])
      const result = await store.updateKey(tx, environment, before.id, {
        ...data,
        sequence: await raiseDirectory(tx, environment),
      })
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      return { result, audit: audit('api_key.update', environment, before, result, nowMs) }
    })
    return { ...keyView(row, services.clock.now()), receipt: await receiptOf(context, row.sequence, query) }
  },

  revokeKey: async (context, { params, query }) => {
    const { environment, services } = context
    const row = await change(context, async (tx) => {
      const before = await lockKey(tx, environment, params.key)
      if (before.state === 'revoked') return { result: before, audit: null }
      const nowMs = services.clock.now()
      const sequence = await raiseDirectory(tx, environment)
      const result = await store.updateKey(tx, environment, before.id, {
        state: 'revoked',
        revokedAt: new Date(nowMs),
        sequence,
      })
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      return { result, audit: audit('api_key.revoke', environment, before, result, nowMs) }
    })
    // A repeated call waits for the first one's change: its answer is as good.
    return { ...keyView(row, services.clock.now()), receipt: await receiptOf(context, row.sequence, query) }
  },

  rotateKey: async (context, { params, query, body }) => {
    const { environment, services, caller } = context
    const nowMs = services.clock.now()
    const done = await change(context, async (tx) => {
      const before = await lockKey(tx, environment, params.key)
      const state = stateOf(before, nowMs)
      if (state !== 'active') refuse('state_conflict', `The key is ${state}`)
      if (before.decoy) refuse('state_conflict', 'The key is a decoy: nobody has it who could take another')
      if (before.successorId !== null)
        refuse('state_conflict', `The key has a successor already: ${before.successorId}`)
      const sequence = await raiseDirectory(tx, environment)
      const { consumerId, name, scopes, addresses, decoy } = before
      const limits = readLimits(before.limits)
      const expiresAt = successorEnd(before, nowMs)
      const made = await createKey(
        tx,
        environment,
        { consumerId, name, scopes, addresses, limits, decoy, expiresAt, sequence, createdBy: caller.name },
        nowMs,
      )
      const endsAt = Math.min(nowMs + body.overlap_ms, before.expiresAt?.getTime() ?? Infinity)
      const old = await store.updateKey(tx, environment, before.id, {
        expiresAt: new Date(endsAt),
        successorId: made.row.id,
        sequence,
      })
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const note = audit('api_key.rotate', environment, before, old, nowMs)
      return {
        result: { old, made },
        audit: { ...note, after: { old: keyView(old, nowMs), new: keyView(made.row, nowMs) } },
      }
    })
    const { old, made } = done
    return {
      old: keyView(old, nowMs),
      new: { ...keyView(made.row, nowMs), key: made.text },
      receipt: await receiptOf(context, old.sequence, query),
    }
  },
} satisfies HandlersOf<Ids>

/** A successor lives as long as its predecessor was meant to; without an end when that had none. */
function successorEnd({ expiresAt, createdAt }: store.KeyRow, nowMs: number): Date | null {
  return expiresAt === null ? null : new Date(nowMs + expiresAt.getTime() - createdAt.getTime())
}

/** The environment's row goes first, as in every change of the directory: what is read here stays true. */
async function lockKey(tx: Tx, environment: EnvironmentScope, id: string): Promise<store.KeyRow> {
  await lockEnvironment(tx, environment)
  return find(tx, environment, id)
}

async function find(db: Tx, environment: EnvironmentScope, id: string): Promise<store.KeyRow> {
  return (await store.findKey(db, environment, id)) ?? notFound('API key', id)
}

function about(
  { tenantId, environmentId }: EnvironmentScope,
  row: store.KeyRow,
): Pick<AuditNote, 'target' | 'tenantId' | 'environmentId'> {
  return { target: { kind: 'api_key', id: row.id, name: row.name }, tenantId, environmentId }
}

function audit(
  action: string,
  environment: EnvironmentScope,
  before: store.KeyRow,
  after: store.KeyRow,
  nowMs: number,
): AuditNote {
  return { action, ...about(environment, after), before: keyView(before, nowMs), after: keyView(after, nowMs) }
}

/** As it is stored: without a field that is undefined. */
function limitOf({ requests, window_ms, burst }: Given<'createKey'>['body']['limits'][number]): KeyLimit {
  return { requests, window_ms, ...(burst === undefined ? {} : { burst }) }
}

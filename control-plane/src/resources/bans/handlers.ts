/**
 * Bans: a source range or a consumer that is shut out. They are live at once, as a revocation is; with `wait=true` the
 * answer says on which agents.
 *
 * @module
 */
import { parseAddressRange } from '@headgate/core'
import { type AuditNote, change } from '#control-plane/audit/audit.ts'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { findConsumer } from '#control-plane/resources/consumers/store.ts'
import { readExpiry } from '#control-plane/resources/credentials/input.ts'
import { receiptOf } from '#control-plane/resources/credentials/receipt.ts'
import { lockEnvironment, raiseDirectory } from '#control-plane/resources/environments/sequences.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { notFound, refuse, refuseInput } from '#control-plane/rest/refusal.ts'
import * as store from './store.ts'
import { banView } from './view.ts'

/** Bans of one environment that are in force. Agents ask about them for every request, and keep them in memory. */
const BANS_MAX = 5_000
/** Shortest prefixes: a slip of the finger must not shut out half of the world. */
const PREFIX_MIN = { 1: 8, 4: 16 } as const

type Ids = 'listBans' | 'createBan' | 'getBan' | 'liftBan'

export const banHandlers = {
  listBans: async ({ services, environment }, { query }) => {
    const { state, limit } = query
    const nowMs = services.clock.now()
    const beforeId = readCursor(query.cursor, idKey)?.[0]
    const options = { isActive: state === 'active', nowMs, beforeId, take: limit + 1 }
    return toPage(
      await store.listBans(services.db, environment, options),
      limit,
      ({ id }) => [id],
      (row) => banView(row, nowMs),
    )
  },

  createBan: async (context, { query, body }) => {
    const { environment, services, caller } = context
    const nowMs = services.clock.now()
    const expiresAt = readExpiry(body.expires_at, nowMs)
    const source = body.source === undefined ? null : checkSource(body.source)
    const row = await change(context, async (tx) => {
      const sequence = await raiseDirectory(tx, environment)
      await store.liftEnded(tx, environment, sequence, nowMs)
      if ((await store.countBans(tx, environment)) >= BANS_MAX) {
        refuse('state_conflict', `There are ${BANS_MAX} bans already: lift some, or ban wider ranges`)
      }
      const result = await store.insertBan(
        tx,
        environment,
        {
          source,
          consumerId: body.consumer === undefined ? null : await consumerId(tx, environment, body.consumer),
          reason: body.reason,
          expiresAt,
          sequence,
          createdBy: caller.name,
        },
        nowMs,
      )
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      return { result, audit: { action: 'ban.create', ...about(environment, result), after: banView(result, nowMs) } }
    })
    return { ...banView(row, nowMs), receipt: await receiptOf(context, row.sequence, query) }
  },

  getBan: async ({ services, environment }, { params }) =>
    banView(await find(services.db, environment, params.ban), services.clock.now()),

  liftBan: async (context, { params, query }) => {
    const { environment, services } = context
    const row = await change(context, async (tx) => {
      await lockEnvironment(tx, environment)
      const before = await find(tx, environment, params.ban)
      if (before.liftedAt !== null) return { result: before, audit: null }
      const nowMs = services.clock.now()
      const sequence = await raiseDirectory(tx, environment)
      const result = await store.liftBan(tx, environment, before.id, sequence, nowMs)
      await services.fleet.notifyDirectory(tx, environment.environmentId)
      const audit = {
        action: 'ban.lift',
        ...about(environment, result),
        before: banView(before, nowMs),
        after: banView(result, nowMs),
      }
      return { result, audit }
    })
    return { ...banView(row, services.clock.now()), receipt: await receiptOf(context, row.sequence, query) }
  },
} satisfies HandlersOf<Ids>

/** @throws Refusal `input_invalid` for what is no range, or one that is too wide to be meant. */
function checkSource(source: string): string {
  const range = parseAddressRange(source)
  if (range?.kind !== 'range') {
    const fix = 'Give an address or a range without bits behind the prefix, such as 203.0.113.0/24'
    return refuseInput('/source', 'value_invalid', `${source} is not a range of addresses`, fix)
  }
  const least = range.words.length === 1 ? PREFIX_MIN[1] : PREFIX_MIN[4]
  if (range.prefix < least) {
    refuseInput('/source', 'value_invalid', `${source} is wider than /${least}`, 'Ban narrower ranges, one by one')
  }
  return source
}

async function consumerId(tx: Tx, environment: EnvironmentScope, reference: string): Promise<string> {
  return ((await findConsumer(tx, environment, reference)) ?? notFound('consumer', reference)).id
}

async function find(db: Tx, environment: EnvironmentScope, id: string): Promise<store.BanRow> {
  return (await store.findBan(db, environment, id)) ?? notFound('ban', id)
}

function about(
  { tenantId, environmentId }: EnvironmentScope,
  { id, source, consumer }: store.BanRow,
): Pick<AuditNote, 'target' | 'tenantId' | 'environmentId'> {
  return { target: { kind: 'ban', id, name: source ?? consumer?.name ?? id }, tenantId, environmentId }
}

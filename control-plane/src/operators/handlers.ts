/**
 * Operators and their tokens.
 *
 * @module
 */
import { change } from '#control-plane/audit/audit.ts'
import { type Tx, isUniqueViolation } from '#control-plane/db.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { notFound, refuse, refuseInput } from '#control-plane/rest/refusal.ts'
import { findTenant } from '#control-plane/resources/tenants/store.ts'
import * as store from './store.ts'
import { SESSION_COOKIE } from './secrets.ts'
import { createToken } from './tokens.ts'
import { operatorView, tokenView } from './views.ts'

type Ids =
  | 'whoami'
  | 'signOut'
  | 'listOperators'
  | 'createOperator'
  | 'updateOperator'
  | 'listOperatorTokens'
  | 'createOperatorToken'
  | 'revokeOperatorToken'

export const operatorHandlers = {
  whoami: async ({ services, caller }) => ({
    operator: operatorView(await find(services.db, caller.operatorId)),
    via: caller.via,
  }),

  signOut: async (context) => {
    const { services, caller } = context
    context.setHeader('Set-Cookie', `${SESSION_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`)
    await change(context, async (tx) => {
      // A token is not ended by this: it may serve a machine.
      if (caller.via === 'token') return { result: undefined, audit: null }
      await store.revokeSession(tx, caller.credentialId, new Date(services.clock.now()))
      const target = { kind: 'operator', id: caller.operatorId, name: caller.name }
      return { result: undefined, audit: { action: 'session.end', target, before: { id: caller.credentialId } } }
    })
    return undefined
  },

  listOperators: async ({ services }, { query }) => {
    const after = readCursor(query.cursor, idKey)?.[0]
    const rows = await store.listOperators(services.db, after, query.limit + 1)
    return toPage(rows, query.limit, ({ id }) => [id], operatorView)
  },

  createOperator: async (context, { body }) => {
    try {
      return await change(context, async (tx) => {
        const roles = await readGrants(tx, body.roles)
        const row = await store.insertOperator(
          tx,
          { name: body.name, kind: body.kind, roles },
          context.services.clock.now(),
        )
        const result = operatorView(row)
        return { result, audit: { action: 'operator.create', target: target(row), after: result } }
      })
    } catch (thrown) {
      if (isUniqueViolation(thrown)) return refuse('name_taken', `An operator ${body.name} exists`)
      throw thrown
    }
  },

  updateOperator: async (context, { params, body }) =>
    change(context, async (tx) => {
      await store.lockOwners(tx)
      const before = await find(tx, params.operator)
      if (body.roles !== undefined)
        await store.setRoles(tx, before.id, await readGrants(tx, body.roles), context.services.clock.now())
      const row = await store.setDisabled(tx, before.id, body.disabled ?? before.disabled)
      if ((await store.countOwners(tx)) === 0)
        refuse('state_conflict', 'Somebody must own everything: make another owner first')
      const result = operatorView(row)
      return {
        result,
        audit: { action: 'operator.update', target: target(row), before: operatorView(before), after: result },
      }
    }),

  listOperatorTokens: async ({ services }, { params, query }) => {
    const operator = await find(services.db, params.operator)
    const after = readCursor(query.cursor, idKey)?.[0]
    const rows = await store.listTokens(services.db, operator.id, after, query.limit + 1)
    return toPage(rows, query.limit, ({ id }) => [id], tokenView)
  },

  createOperatorToken: async (context, { params, body }) =>
    change(context, async (tx) => {
      const operator = await find(tx, params.operator)
      if (operator.disabled) refuse('state_conflict', `Operator ${operator.name} is switched off`)
      const nowMs = context.services.clock.now()
      const { row, text } = await createToken(tx, operator, { name: body.name, lifeMs: body.expires_in_ms, nowMs })
      const view = tokenView(row)
      const audit = {
        action: 'operator_token.create',
        target: { kind: 'operator_token', id: row.id, name: row.name },
        after: view,
      }
      return { result: { ...view, token: text }, audit }
    }),

  revokeOperatorToken: async (context, { params }) =>
    change(context, async (tx) => {
      const operator = await find(tx, params.operator)
      const before = await store.findToken(tx, operator.id, params.token)
      if (before === null) return notFound('operator token', params.token)
      const ended = await store.revokeToken(tx, before.id, new Date(context.services.clock.now()))
      const result = tokenView((await store.findToken(tx, operator.id, before.id)) ?? before)
      const audit = {
        action: 'operator_token.revoke',
        target: { kind: 'operator_token', id: before.id, name: before.name },
      }
      return { result, audit: ended ? { ...audit, before: tokenView(before), after: result } : null }
    }),
} satisfies HandlersOf<Ids>

async function find(db: Tx, reference: string): Promise<store.OperatorRow> {
  return (await store.findOperator(db, reference)) ?? notFound('operator', reference)
}

function target({ id, name }: { id: string; name: string }): { kind: string; id: string; name: string } {
  return { kind: 'operator', id, name }
}

interface Grant {
  readonly tenant: string | null
  readonly role: store.GrantWrite['role']
}

async function readGrants(tx: Tx, grants: readonly Grant[]): Promise<store.GrantWrite[]> {
  const roles: store.GrantWrite[] = []
  for (const [index, { tenant, role }] of grants.entries()) {
    const found = tenant === null ? null : await findTenant(tx, tenant)
    if (tenant !== null && found === null) return notFound('tenant', tenant)
    const tenantId = found?.tenantId ?? null
    if (roles.some((other) => other.tenantId === tenantId)) {
      refuseInput(
        `/roles/${index}`,
        'repeated',
        'There is a role for this already',
        'Give one role for each tenant and one for everything',
      )
    }
    roles.push({ tenantId, role })
  }
  return roles
}

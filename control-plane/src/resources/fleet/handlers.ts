/**
 * Agent groups, join tokens and agents.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import { change } from '#control-plane/audit/audit.ts'
import { type Tx, isUniqueViolation } from '#control-plane/db.ts'
import type { HostsOf } from '#control-plane/releases/hosts.ts'
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { idKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { notFound, refuse } from '#control-plane/rest/refusal.ts'
import { assign, resolveEnvironments } from './assign.ts'
import * as store from './store.ts'
import { agentView, groupView, joinTokenView } from './views.ts'

type Ids =
  | 'listAgentGroups'
  | 'createAgentGroup'
  | 'getAgentGroup'
  | 'updateAgentGroup'
  | 'listJoinTokens'
  | 'createJoinToken'
  | 'revokeJoinToken'
  | 'listAgents'
  | 'getAgent'
  | 'revokeAgent'

export function createFleetHandlers(hostsOf: HostsOf) {
  return {
    listAgentGroups: async ({ services }, { query }) => {
      const afterId = readCursor(query.cursor, idKey)?.[0]
      const rows = await store.listGroups(services.db, afterId, query.limit + 1)
      return toPage(rows, query.limit, ({ id }) => [id], groupView)
    },

    createAgentGroup: async (context, { body }) => {
      const { services } = context
      try {
        return await change(context, async (tx) => {
          const environmentIds = await resolveEnvironments(tx, body.environments)
          const id = await store.insertGroup(tx, body, services.clock.now())
          await assign(tx, services, hostsOf, id, environmentIds)
          const result = groupView(await findGroup(tx, id))
          return {
            result,
            audit: {
              action: 'agent_group.create',
              target: { kind: 'agent_group', id, name: body.name },
              after: result,
            },
          }
        })
      } catch (thrown) {
        if (isUniqueViolation(thrown)) return refuse('name_taken', `An agent group ${body.name} exists`)
        throw thrown
      }
    },

    getAgentGroup: async ({ services }, { params }) => groupView(await findGroup(services.db, params.group)),

    updateAgentGroup: async (context, { params, body }) => {
      const { services } = context
      return change(context, async (tx) => {
        const before = await findGroup(tx, params.group)
        if (body.region !== undefined) await store.setRegion(tx, before.id, body.region)
        if (body.environments !== undefined) {
          await assign(tx, services, hostsOf, before.id, await resolveEnvironments(tx, body.environments))
        }
        const result = groupView(await findGroup(tx, before.id))
        if (Object.keys(body).length === 0) return { result, audit: null }
        const target = { kind: 'agent_group', id: before.id, name: before.name }
        return { result, audit: { action: 'agent_group.update', target, before: groupView(before), after: result } }
      })
    },

    listJoinTokens: async ({ services }, { params, query }) => {
      const group = await findGroup(services.db, params.group)
      const afterId = readCursor(query.cursor, idKey)?.[0]
      const rows = await store.listJoinTokens(services.db, group.id, afterId, query.limit + 1)
      const agents = await store.agentNames(services.db, agentIds(rows))
      return toPage(
        rows,
        query.limit,
        ({ id }) => [id],
        (row) => joinTokenView(row, agents),
      )
    },

    createJoinToken: async (context, { params, body }) => {
      const { services, caller } = context
      return change(context, async (tx) => {
        const group = await findGroup(tx, params.group)
        const nowMs = services.clock.now()
        const id = newId('jtk', nowMs)
        const expiresAt = new Date(nowMs + body.expires_in_ms)
        const token = await services.fleet.createJoinToken(tx, {
          id,
          groupId: group.id,
          expiresAt,
          createdBy: caller.name,
        })
        const view = { id, group: group.name, expires_at: expiresAt.toISOString() }
        const target = { kind: 'join_token', id, name: group.name }
        return { result: { ...view, token }, audit: { action: 'join_token.create', target, after: view } }
      })
    },

    revokeJoinToken: async (context, { params }) => {
      const { services } = context
      return change(context, async (tx) => {
        const group = await findGroup(tx, params.group)
        const before = await store.findJoinToken(tx, group.id, params.token)
        if (before === null) return notFound('join token', params.token)
        const ended = await store.revokeJoinToken(tx, before.id, new Date(services.clock.now()))
        const row = (await store.findJoinToken(tx, group.id, before.id)) ?? before
        if (row.usedAt !== null) refuse('state_conflict', 'It was used: revoke the agent that it let in')
        const agents = await store.agentNames(tx, agentIds([row]))
        const result = joinTokenView(row, agents)
        const target = { kind: 'join_token', id: row.id, name: group.name }
        const audit = { action: 'join_token.revoke', target, before: joinTokenView(before, agents), after: result }
        return { result, audit: ended ? audit : null }
      })
    },

    listAgents: async ({ services }, { query }) => {
      const { db } = services
      const afterId = readCursor(query.cursor, idKey)?.[0]
      const groupId = query.group === undefined ? undefined : (await findGroup(db, query.group)).id
      const rows = await store.listAgents(db, { groupId, afterId, take: query.limit + 1 })
      const now = await store.databaseNow(db)
      return toPage(
        rows,
        query.limit,
        ({ id }) => [id],
        (row) => agentView(row, now),
      )
    },

    getAgent: async ({ services }, { params }) =>
      agentView(await findAgent(services.db, params.agent), await store.databaseNow(services.db)),

    revokeAgent: async (context, { params }) => {
      const { services } = context
      return change(context, async (tx) => {
        const before = await findAgent(tx, params.agent)
        const now = await store.databaseNow(tx)
        const ended = await store.revokeAgent(tx, before.id, new Date(services.clock.now()))
        const result = agentView(await findAgent(tx, before.id), now)
        if (!ended) return { result, audit: null }
        await services.fleet.notifyAgent(tx, before.id)
        const target = { kind: 'agent', id: before.id, name: before.name }
        return { result, audit: { action: 'agent.revoke', target, before: agentView(before, now), after: result } }
      })
    },
  } satisfies HandlersOf<Ids>
}

function agentIds(rows: readonly store.JoinTokenRow[]): string[] {
  return rows.map(({ agentId }) => agentId).filter((id) => id !== null)
}

async function findGroup(db: Tx, reference: string): Promise<store.GroupRow> {
  return (await store.findGroup(db, reference)) ?? notFound('agent group', reference)
}

async function findAgent(db: Tx, reference: string): Promise<store.AgentRow> {
  return (await store.findAgent(db, reference)) ?? notFound('agent', reference)
}

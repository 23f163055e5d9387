/**
 * What is live in one environment: agents, decisions, traffic; each loaded by itself, so that one that
 * fails leaves the others standing.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import { type Kept, LIVE_MS, useAnswer } from '../answer.ts'
import { type Agent, type Failure, type Traffic, useApi } from '../api.ts'

/** Rows of the list of decisions. */
const DECISIONS = 50

/** Agents that are loaded to show those of one environment. */
const AGENTS_MAX = 200

/** Rollups are per minute: there is no hurry, in milliseconds. */
const TRAFFIC_MS = 10_000

export interface Live {
  readonly agents: Kept<readonly Agent[]>
  readonly decisions: Kept<readonly DecisionRecord[]>
  readonly traffic: Kept<Traffic>
}

export function useLive(tenant: string, environment: string, refusedOnly: boolean): Live {
  const api = useApi()
  const of = `${tenant} ${environment}`
  const params = { tenant, environment }
  const agents = useAnswer(
    'agents',
    async (signal) => (await api.call('listAgents', { query: { limit: AGENTS_MAX }, signal })).data,
    LIVE_MS,
  )
  const decisions = useAnswer(
    `decisions ${of} ${refusedOnly}`,
    async (signal) => {
      const query = { limit: DECISIONS, ...(refusedOnly ? { outcome: 'deny' as const } : {}) }
      return (await api.call('listDecisions', { params, query, signal })).data
    },
    LIVE_MS,
  )
  const traffic = useAnswer(
    `traffic ${of}`,
    async (signal) => (await api.call('getTraffic', { params, query: { minutes: 60 }, signal })).data,
    TRAFFIC_MS,
  )
  return { agents, decisions, traffic }
}

/** The oldest content that could not be refreshed, for one bar above all; null while everything is fresh. */
export function staleOf(kept: readonly Kept<unknown>[]): { readonly at: Date; readonly failure: Failure } | null {
  const stale = kept.flatMap(({ at, failure }) => (at === undefined || failure === undefined ? [] : [{ at, failure }]))
  return stale.toSorted((a, b) => a.at.getTime() - b.at.getTime())[0] ?? null
}

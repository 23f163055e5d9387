/**
 * Limits and bans that the fake admin API knows, and what changes of bans.
 *
 * @module
 */
import { type Answer, type Limit, type OperationId, operations } from '@headgate/admin-api'

type Ban = Answer<'getBan'>

const AT = '2026-03-02T08:12:03.120Z'

const shared: Limit = {
  policy: 'orders.limit',
  origin: 'headgate.yaml:40',
  on: 'service/orders',
  exposure: null,
  algorithm: 'rate',
  unit: 'requests',
  amount: 1_000,
  window_ms: 60_000,
  burst: 50,
  period: null,
  zone: null,
  key: ['consumer', 'header:x-team'],
  costs: [{ routes: ['orders-write'], methods: ['POST'], cost: 5 }],
  shared: { mode: 'leased', on_failure: 'local_share' },
  shadow: false,
  routes: { count: 4, names: ['lost', 'orders', 'orders-write', 'reports'] },
  error_bound: {
    agents: 4,
    over: 48,
    under: 96,
    while_away: 48,
    text: 'At most 48 more than 1000 per minute over 4 agents; while Redis is away at most 48 more',
  },
}
const timeless = { window_ms: null, burst: null, costs: [], shared: null }
const limits: readonly Limit[] = [
  {
    ...shared,
    ...timeless,
    policy: 'default.public',
    on: 'environment',
    exposure: 'public',
    algorithm: 'concurrency',
    amount: 20,
    key: ['address'],
    routes: { count: 1, names: ['orders'] },
    error_bound: {
      agents: 4,
      over: 0,
      under: 0,
      while_away: 0,
      text: 'Exactly 20 at a time on each agent, which counts for itself',
    },
  },
  shared,
  {
    ...shared,
    ...timeless,
    policy: 'reports.trial',
    on: 'route/gone',
    algorithm: 'quota',
    unit: 'bytes',
    amount: 5_000_000,
    period: 'month',
    zone: 'Europe/Berlin',
    key: ['tenant'],
    shadow: true,
    shared: { mode: 'each', on_failure: 'closed' },
    routes: { count: 0, names: [] },
    error_bound: {
      agents: 4,
      over: 0,
      under: 0,
      while_away: 0,
      text: 'Exactly 5000000 bytes per month over 4 agents; while Redis is away all are refused; bytes in flight come on top',
    },
  },
]

const banOfRange: Ban = {
  id: 'ban_02',
  source: '203.0.113.0/24',
  consumer: null,
  reason: 'guesses keys since the night, see the report of the on-call',
  state: 'active',
  expires_at: null,
  created_by: 'mira',
  created_at: AT,
  lifted_at: null,
}
const ended: Ban = {
  ...banOfRange,
  id: 'ban_01',
  source: '192.0.2.7',
  state: 'expired',
  expires_at: AT,
  reason: 'noise',
}
const banOfConsumer: Ban = { ...banOfRange, id: 'ban_03', source: null, consumer: 'old-app', reason: 'loops' }

/** Limits and bans of one environment. */
export interface Guards {
  answer(id: OperationId, params: Readonly<Record<string, string>>, query: URLSearchParams, body: unknown): unknown
}

/** @param empty an environment where nothing is live and nobody is shut out. */
export function startGuards(empty: boolean): Guards {
  const bans = empty ? [] : [banOfConsumer, banOfRange, ended]
  const receipt: Answer<'liftBan'>['receipt'] = {
    acked: [{ id: 'agt_01', name: 'local-1', group: 'local' }],
    pending: [],
    unreachable: [{ id: 'agt_03', name: 'us-1', group: 'america' }],
    waited_ms: 12,
  }
  return {
    answer(id, params, query, body) {
      switch (id) {
        case 'listLimits':
          return empty ? { release: 'none', groups: 0, data: [] } : { release: 'r3', groups: 2, data: limits }
        case 'listBans': {
          const data = bans.filter(({ state }) => query.get('state') === 'all' || state === 'active')
          return { data, next_cursor: null, has_more: false }
        }
        case 'createBan': {
          const {
            source = null,
            consumer = null,
            reason,
            expires_at: ends = null,
          } = operations.createBan.body.parse(body)
          const ban: Ban = { ...banOfRange, id: 'ban_04', source, consumer, reason, expires_at: ends }
          bans.unshift(ban)
          return { ...ban, receipt }
        }
        case 'liftBan': {
          const at = bans.findIndex((ban) => ban.id === params['ban'])
          const before = bans[at]
          if (before === undefined) return undefined
          return { ...(bans[at] = { ...before, state: 'lifted', lifted_at: AT }), receipt }
        }
        default:
          return undefined
      }
    },
  }
}

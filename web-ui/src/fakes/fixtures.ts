/**
 * What the fake admin API answers: one tenant with a busy and an empty environment. Valid by the schemas of the
 * contract, which the fake checks whenever it answers.
 *
 * @module
 */
import type { Answer, DecisionRecord, Explanation, OperationId } from '@headgate/admin-api'

const AT = '2026-11-24T08:12:03.120Z'

const principal = {
  consumer: 'alice',
  consumer_id: 'cns_01',
  credential_id: 'key_01KA3XQZ',
  credential_kind: 'api_key',
  hint: '…Qd4x',
  scopes: ['orders:read'],
  roles: [],
  issuer: null,
}
const limit = {
  policy: 'orders.limit',
  requests: 10,
  window_ms: 10_000,
  remaining: 7,
  reset_ms: 3_000,
  retry_after_ms: 0,
}
/** Would have refused as well, and refuses nobody. */
const trial = {
  ...limit,
  policy: 'orders.trial',
  algorithm: 'quota' as const,
  unit: 'bytes' as const,
  requests: 5_000_000,
  window_ms: 31 * 86_400_000,
  remaining: 0,
  exceeded: true,
  shadow: true,
}

const allowed: DecisionRecord = {
  request_id: 'req_0',
  at: AT,
  environment: 'dev',
  agent: 'local-1',
  release: 3,
  outcome: 'allow',
  reason: 'allowed',
  status: 200,
  method: 'GET',
  host: 'localhost',
  path: '/orders/42',
  scheme: 'http',
  address: '127.0.0.1',
  peer_address: '127.0.0.1',
  route: 'orders',
  service: 'orders',
  rule: { kind: 'policy', name: 'orders.access', origin: 'headgate.yaml:14' },
  needed: ['orders:read'],
  had: ['orders:read'],
  principal,
  certificate: null,
  limits: [limit],
  tightest: 0,
  tls: null,
  duration_ms: 1.4,
  upstream: { target: 'http://127.0.0.1:9000', status: 200, duration_ms: 1.1 },
}

const refusal: Partial<DecisionRecord> = { outcome: 'deny', upstream: null, limits: [], tightest: -1 }

const kinds: readonly Partial<DecisionRecord>[] = [
  { ...refusal, reason: 'scope_missing', status: 403, method: 'DELETE', needed: ['orders:delete'] },
  {},
  {
    ...refusal,
    reason: 'limit_exceeded',
    status: 429,
    limits: [{ ...limit, remaining: 0, retry_after_ms: 620, exceeded: true }, trial],
    tightest: 0,
  },
  { ...refusal, reason: 'credential_missing', status: 401, principal: null, needed: ['api_key'], had: [] },
  {
    ...refusal,
    reason: 'upstream_unreachable',
    status: 502,
    upstream: { target: 'http://127.0.0.1:9000', status: null, duration_ms: 3 },
  },
  { path: '/orders/42/lines/with-a-path-that-goes-on-and-on-and-on/until-it-has-to-be-cut-somewhere' },
  {
    ...refusal,
    reason: 'route_unknown',
    status: 404,
    path: '/order',
    route: null,
    service: null,
    rule: null,
    principal: null,
    needed: [],
    had: [],
  },
  {
    ...refusal,
    reason: 'path_ambiguous',
    status: 400,
    path: '/orders/%2e%2e/admin',
    route: null,
    service: null,
    rule: null,
    principal: null,
    needed: [],
    had: [],
  },
]

/** @param index rising with time. */
export function decision(index: number): DecisionRecord {
  const at = new Date(Date.parse(AT) + index * 1_700).toISOString()
  return {
    ...allowed,
    ...kinds[(48 - (index % 48)) % kinds.length],
    request_id: `req_01KA${String(index).padStart(4, '0')}`,
    at,
  }
}

const gatesOf = ({ outcome, reason, principal: caller }: DecisionRecord): Explanation['gates'] => {
  const stop = {
    scope_missing: 4,
    limit_exceeded: 5,
    credential_missing: 3,
    upstream_unreachable: 6,
    route_unknown: 2,
    path_ambiguous: 1,
  }[reason]
  const details = [
    'Plain HTTP',
    'http://localhost/orders/42 from 127.0.0.1',
    'Route orders of service orders',
    `${caller?.consumer ?? 'nobody'} by API key …Qd4x`,
    'Policy orders.access needs orders:read',
    '1 limit taken from',
    'http://127.0.0.1:9000 answered 200 in 1.1 ms',
  ]
  return (['tls', 'network', 'route', 'identity', 'access', 'limit', 'upstream'] as const).map((gate, index) => {
    if (outcome === 'allow' || stop === undefined || index < stop)
      return { gate, outcome: 'passed', detail: details[index] ?? '' }
    if (index > stop) return { gate, outcome: 'not_reached', detail: '' }
    const detail =
      reason === 'scope_missing' ? 'The credential lacks a scope. Needed: orders:delete. Had: orders:read' : 'Stopped'
    return { gate, outcome: 'stopped', detail }
  })
}

export function explanationOf(record: DecisionRecord): Explanation {
  const titles: Readonly<Record<string, string>> = {
    allowed: 'Allowed',
    scope_missing: 'The credential lacks a scope',
    limit_exceeded: 'A limit is used up',
    credential_missing: 'A credential is needed',
  }
  const fix = {
    description: 'Give the key the scope:',
    command: 'npx headgate keys grant key_01KA3XQZ --scope orders:delete',
  }
  return {
    ...record,
    source: 'recorded',
    release: `r${record.release}`,
    reason_title: titles[record.reason] ?? record.reason,
    gates: gatesOf(record),
    fixes: record.reason === 'scope_missing' ? [fix] : [],
    agrees: true,
  }
}

export const operator: Answer<'whoami'>['operator'] = {
  id: 'op_01',
  name: 'mira',
  kind: 'person',
  disabled: false,
  roles: [{ tenant: null, role: 'owner' }],
  created_at: AT,
}

const holding = {
  tenant: 'default',
  environment: 'dev',
  release_number: 3,
  directory_sequence: 12,
  refused_number: null,
  refused_reasons: [],
}
const agent: Answer<'getAgent'> = {
  id: 'agt_01',
  name: 'local-1',
  group: 'local',
  region: '',
  state: 'connected',
  version: '0.1.0',
  capability: 1,
  listeners: ['http://127.0.0.1:8080'],
  seen_at: AT,
  certificate_expires_at: AT,
  created_at: AT,
  holdings: [holding],
}
const refusing = {
  ...holding,
  release_number: 2,
  refused_number: 3,
  refused_reasons: ['policy orders.limit: the kind “cost” is not known to this agent'],
}
const agents: Answer<'listAgents'>['data'] = [
  agent,
  { ...agent, id: 'agt_02', name: 'eu-2', group: 'europe', region: 'eu-central', holdings: [refusing] },
  { ...agent, id: 'agt_03', name: 'us-1', group: 'america', region: 'us-east', state: 'unreachable' },
]

const deliveries: Answer<'getRelease'>['deliveries'] = [
  { agent: 'local-1', group: 'local', region: '', state: 'live', release_number: 3, reasons: [] },
  {
    agent: 'eu-2',
    group: 'europe',
    region: 'eu-central',
    state: 'refused',
    release_number: 2,
    reasons: refusing.refused_reasons,
  },
  { agent: 'us-1', group: 'america', region: 'us-east', state: 'unreachable', release_number: 3, reasons: [] },
]
const release: Answer<'getRelease'> = {
  id: 'rel_03',
  number: 3,
  live: true,
  comment: '',
  rollback_of: null,
  created_by: 'mira',
  created_at: AT,
  objects: 4,
  key_id: 'sig_01',
  deliveries,
}

const environment: Answer<'getEnvironment'> = {
  id: 'env_01',
  tenant: 'default',
  name: 'dev',
  stage: 'development',
  release_number: 3,
  draft_revision: 9,
  directory_sequence: 12,
  created_at: AT,
}

/** @param now of the browser: the picture of the last hour is drawn up to it. */
const traffic = (now: number): Answer<'getTraffic'>['data'] =>
  Array.from({ length: 50 }, (_, index) => ({
    minute: new Date(Math.floor(now / 60_000) * 60_000 - (52 - index) * 60_000).toISOString(),
    requests: 60 + Math.round(40 * Math.sin(index / 5)) + (index % 7) * 3,
    refused: 4 + (index % 5) + (index > 38 && index < 43 ? 30 : 0),
    failed: index === 20 ? 12 : 0,
    duration_ms_mean: 1.8,
  }))

const page = <T>(data: T) => ({ data, next_cursor: null, has_more: false })

/** What is answered without looking at the call, except at the environment in its path. */
export function standing(id: OperationId, named: string | undefined, now: number): unknown {
  const busy = named !== 'production'
  const answers: Partial<Record<OperationId, unknown>> = {
    whoami: { operator, via: 'session' },
    welcome: { operator, token: null },
    listTenants: page([{ id: 'ten_01', name: 'default', created_at: AT }]),
    listEnvironments: page([environment, { ...environment, id: 'env_02', name: 'production', release_number: 0 }]),
    listReleases: page(busy ? [release] : []),
    listAgents: page(agents),
    getTraffic: { data: busy ? traffic(now) : [] },
  }
  return answers[id]
}

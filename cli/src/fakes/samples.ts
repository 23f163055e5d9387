/**
 * Answers that tests build on.
 *
 * @module
 */
import type { Answer, Explanation } from '@headgate/admin-api'

const AT = '2026-01-02T03:04:05.678Z'

export const refusedExplanation: Explanation = {
  source: 'recorded',
  request_id: 'req_01',
  at: AT,
  agent: 'local-1',
  release: 'r1',
  method: 'DELETE',
  host: 'localhost:8080',
  path: '/orders/42',
  scheme: 'https',
  address: '127.0.0.1',
  outcome: 'deny',
  reason: 'scope_missing',
  reason_title: 'The credential lacks a scope',
  status: 403,
  route: 'orders',
  service: 'orders',
  principal: {
    consumer: 'alice',
    consumer_id: 'cns_01',
    credential_id: 'key_01KA',
    credential_kind: 'api_key',
    hint: '…Qd4x',
    issuer: null,
    scopes: ['orders:read'],
    roles: [],
  },
  rule: { kind: 'policy', name: 'orders.access', origin: 'headgate.yaml:14' },
  needed: ['orders:delete'],
  had: ['orders:read'],
  limits: [],
  tightest: -1,
  duration_ms: 0.74,
  gates: [
    { gate: 'tls', outcome: 'passed', detail: '1.3' },
    { gate: 'network', outcome: 'passed', detail: 'allowed' },
    { gate: 'route', outcome: 'passed', detail: 'orders' },
    { gate: 'identity', outcome: 'passed', detail: 'key …Qd4x' },
    { gate: 'access', outcome: 'stopped', detail: 'stopped' },
    { gate: 'limit', outcome: 'not_reached', detail: '' },
    { gate: 'upstream', outcome: 'not_reached', detail: '' },
  ],
  fixes: [{ description: 'Give the key the scope', command: 'headgate keys grant key_01KA --scope orders:delete' }],
  agrees: true,
}

export const environment: Answer<'getEnvironment'> = {
  id: 'env_01',
  tenant: 'default',
  name: 'dev',
  stage: 'development',
  release_number: 1,
  draft_revision: 7,
  directory_sequence: 3,
  created_at: AT,
}

export const limit: Answer<'listLimits'>['data'][number] = {
  policy: 'orders.limit',
  origin: '',
  on: 'service/orders',
  exposure: 'public',
  algorithm: 'rate',
  unit: 'requests',
  amount: 1000,
  window_ms: 60_000,
  burst: 1000,
  period: null,
  zone: null,
  key: ['consumer', 'route'],
  costs: [],
  shared: { mode: 'leased', on_failure: 'local_share' },
  shadow: false,
  routes: { count: 1, names: ['orders'] },
  error_bound: {
    agents: 4,
    over: 48,
    under: 96,
    while_away: 48,
    text: 'At most 48 more than 1000 per minute over 4 agents; while Redis is away at most 48 more',
  },
}

export function configObject(
  kind: Answer<'getObject'>['kind'],
  name: string,
  spec: Record<string, unknown>,
): Answer<'getObject'> {
  return { id: `obj_${name}`, kind, name, spec, origin: '', revision: 3, updated_at: AT }
}

export const operator: Answer<'whoami'>['operator'] = {
  id: 'opr_01',
  name: 'local',
  kind: 'person',
  disabled: false,
  roles: [{ tenant: null, role: 'owner' }],
  created_at: AT,
}

export const key: Answer<'getKey'> = {
  id: 'key_01',
  name: '',
  consumer: 'alice',
  hint: '…Qd4x',
  scopes: ['orders:read'],
  addresses: [],
  limits: [],
  decoy: false,
  state: 'active',
  expires_at: null,
  successor_id: null,
  rotation: null,
  last_used: null,
  created_by: 'local',
  created_at: AT,
  revoked_at: null,
}

export const consumer: Answer<'getConsumer'> = {
  id: 'cns_01',
  name: 'alice',
  disabled: false,
  roles: ['reader'],
  revision: 4,
  created_at: AT,
  updated_at: AT,
}

export const credential: Answer<'getCredential'> = {
  id: 'crd_01',
  kind: 'certificate',
  name: '',
  consumer: 'ci',
  identity: { kind: 'uri', value: 'spiffe://acme/ci' },
  key_id: null,
  algorithm: null,
  public_key: null,
  secret: null,
  scopes: ['orders:read'],
  addresses: [],
  state: 'active',
  expires_at: null,
  last_used: { at: AT, agent: 'local-1', address: '10.0.0.7' },
  created_by: 'local',
  created_at: AT,
  revoked_at: null,
}

export const ban: Answer<'getBan'> = {
  id: 'ban_01',
  source: '203.0.113.0/24',
  consumer: null,
  reason: 'guesses keys',
  state: 'active',
  expires_at: null,
  created_by: 'local',
  created_at: AT,
  lifted_at: null,
}

export const KEY_TEXT = 'hgk_dev_000000000000000000000000000000_000000'

const agent = { id: 'agt_01', name: 'local-1', group: 'local' }

export const receipt: NonNullable<Answer<'revokeKey'>['receipt']> = {
  acked: [agent],
  pending: [],
  unreachable: [],
  waited_ms: 12,
}

export const release: Answer<'getRelease'> = {
  id: 'rel_02',
  number: 2,
  live: true,
  comment: '',
  rollback_of: null,
  created_by: 'local',
  created_at: AT,
  objects: 6,
  key_id: 'sig_01',
  deliveries: [{ agent: 'local-1', group: 'local', region: 'local', state: 'live', release_number: 2, reasons: [] }],
}

export const addedRoute: Answer<'applyObjects'>['changes'][number] = {
  change: 'added',
  kind: 'route',
  name: 'billing',
  before: null,
  after: { service: 'billing', path: '/billing' },
  pointers: [],
}

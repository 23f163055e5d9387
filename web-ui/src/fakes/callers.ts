/**
 * Consumers, credentials, issuers, roles and routes that the fake admin API knows, and what changes of them.
 *
 * @module
 */
import type { Answer, OperationId } from '@headgate/admin-api'

type Consumer = Answer<'getConsumer'>
type ApiKey = Answer<'getKey'>
type Credential = Answer<'getCredential'>
type ConfigObject = Answer<'getObject'>

const AT = '2026-03-02T08:12:03.120Z'
const page = <T>(data: readonly T[]) => ({ data, next_cursor: null, has_more: false })

/** An instant that is so many minutes ago. */
const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()

const consumer = (name: string, roles: readonly string[], disabled = false): Consumer => {
  return { id: `cns_${name}`, name, disabled, roles: [...roles], revision: 4, created_at: AT, updated_at: AT }
}

const used = { at: ago(3), agent: 'local-1', address: '10.0.0.7' }

const key: ApiKey = {
  id: 'key_01KA3XQZ',
  name: 'web shop',
  consumer: 'alice',
  hint: '…Qd4x',
  scopes: ['orders:read', 'invoices:read'],
  addresses: ['10.0.0.0/8'],
  limits: [{ requests: 100, window_ms: 60_000 }],
  decoy: false,
  state: 'active',
  expires_at: null,
  successor_id: null,
  rotation: null,
  last_used: used,
  created_by: 'mira',
  created_at: AT,
  revoked_at: null,
}
const rotated: ApiKey = {
  ...key,
  id: 'key_01KA0OLD',
  name: 'web shop, old',
  hint: '…8sPk',
  limits: [],
  addresses: [],
  expires_at: '2026-12-24T08:00:00.000Z',
  rotation: { successor_id: key.id, rotated_at: AT, old_still_used: true },
}
const unused: ApiKey = { ...key, id: 'key_01KA1NEW', name: '', hint: '…Zz09', limits: [], last_used: null }
const bait: ApiKey = {
  ...unused,
  id: 'key_01KA2BAIT',
  consumer: 'bait',
  name: 'in the wiki',
  hint: '…Bt11',
  decoy: true,
  scopes: [],
}

const certificate: Credential = {
  id: 'crd_01KA4',
  kind: 'certificate',
  name: 'build pipeline',
  consumer: 'alice',
  identity: { kind: 'uri', value: 'spiffe://acme.test/ns/build/sa/pipeline' },
  key_id: null,
  algorithm: null,
  public_key: null,
  secret: null,
  scopes: ['builds:write'],
  addresses: [],
  state: 'active',
  expires_at: null,
  last_used: { ...used, at: ago(60 * 24 * 2) },
  created_by: 'mira',
  created_at: AT,
  revoked_at: null,
}
const signing: Credential = {
  ...certificate,
  id: 'crd_01KA5',
  kind: 'signing_key',
  name: '',
  identity: null,
  key_id: 'alice-2026',
  algorithm: 'hmac-sha256',
  secret: 'env://ALICE_SECRET',
  state: 'disabled',
  last_used: null,
}

const object = (
  kind: ConfigObject['kind'],
  name: string,
  spec: ConfigObject['spec'],
  origin = 'headgate.yaml:14',
): ConfigObject => ({ id: `obj_${name}`, kind, name, spec, origin, revision: 2, updated_at: AT })

const objects: readonly ConfigObject[] = [
  object('route', 'orders', {
    service: 'orders',
    methods: ['GET'],
    path: '/orders',
    match: 'prefix',
    exposure: 'public',
  }),
  object('route', 'orders-write', {
    service: 'orders',
    methods: ['POST'],
    hosts: ['api.example.com'],
    path: '/orders',
  }),
  object('route', 'reports', { service: 'orders', path: '/reports' }),
  object('route', 'lost', { service: 'orders', path: '/lost' }),
  object('role', 'reader', { scopes: ['orders:read', 'invoices:read'] }),
  object('role', 'on-call', { scopes: ['orders:write'], description: 'May repair orders in the night' }),
  object('issuer', 'idp', {
    issuer: 'https://idp.example.com/realms/acme',
    keys: { discovery: true },
    audiences: ['https://api.example.com'],
    role_claim: ['realm_access', 'roles'],
    required_claims: [{ claim: 'email_verified', values: ['true'] }],
    description: 'Staff and machines of ours',
  }),
  object('issuer', 'partner', {
    issuer: 'https://login.partner.example',
    introspection: { url: 'https://login.partner.example/introspect', cache_ms: 5_000 },
    audiences: ['https://api.example.com'],
  }),
]

const policies: Readonly<Record<string, Answer<'getEffectivePolicy'>['access']>> = {
  orders: {
    name: 'orders.access',
    origin: 'headgate.yaml:14',
    from: 'service',
    spec: { type: 'access', on: { service: 'orders' }, credentials: [{ kind: 'api_key' }], scopes: ['orders:read'] },
  },
  reports: {
    name: 'reports.access',
    origin: '',
    from: 'environment',
    spec: { type: 'access', on: { environment: true }, public: { owner: 'mira', reason: 'for everybody inside' } },
  },
  'orders-write': {
    name: 'orders-write.access',
    origin: 'headgate.yaml:31',
    from: 'route',
    spec: {
      type: 'access',
      on: { route: 'orders-write' },
      credentials: [
        { kind: 'jwt', issuer: 'idp', dpop: 'require' },
        { kind: 'mtls', identities: ['uri'] },
        { kind: 'signature', covered: ['@method', '@path', 'content-digest'] },
      ],
      scopes_any: ['orders:write', 'admin'],
      roles: ['on-call'],
      addresses: { allow: ['198.51.100.0/24'], deny: ['198.51.100.66'] },
      times: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '07:00', to: '20:00', zone: 'Europe/Berlin' }],
      expression: "request.headers['content-type'] == 'application/json'",
    },
  },
}

const limits: Answer<'getEffectivePolicy'>['limits'] = [
  {
    name: 'orders.limit',
    origin: '',
    from: 'service',
    spec: { type: 'limit', requests: 100, window_ms: 60_000, key: ['consumer'] },
  },
  {
    name: 'orders.trial',
    origin: '',
    from: 'environment',
    spec: { type: 'limit', algorithm: 'quota', bytes: 5_000_000, period: 'month', key: ['tenant'], shadow: true },
  },
]

const group = (...keys: readonly ApiKey[]) => ({ count: keys.length, keys })

/** Callers of one environment. */
export interface Callers {
  answer(id: OperationId, params: Readonly<Record<string, string>>, query: URLSearchParams, body: unknown): unknown
}

/** @param empty an environment where nothing was written yet. */
export function startCallers(empty: boolean): Callers {
  const consumers = empty ? [] : [consumer('alice', ['reader']), consumer('bait', []), consumer('old-app', [], true)]
  const keys = empty ? [] : [key, rotated, unused, bait]
  const credentials = empty ? [] : [certificate, signing]
  const receipt: Answer<'revokeKey'>['receipt'] = {
    acked: [{ id: 'agt_01', name: 'local-1', group: 'local' }],
    pending: [],
    unreachable: [{ id: 'agt_03', name: 'us-1', group: 'america' }],
    waited_ms: 12,
  }
  const change = <T extends { id: string }>(list: T[], id: string | undefined, patch: Partial<T>): T | undefined => {
    const at = list.findIndex((each) => each.id === id)
    const before = list[at]
    return before === undefined ? undefined : (list[at] = { ...before, ...patch })
  }
  const state = (body: unknown): Pick<ApiKey, 'state'> => ({
    state: (body as { disabled: boolean }).disabled ? 'disabled' : 'active',
  })
  return {
    answer(id, params, query, body) {
      const ofConsumer = <T extends { consumer: string }>(list: readonly T[]) =>
        page(list.filter((each) => each.consumer === (query.get('consumer') ?? each.consumer)))
      switch (id) {
        case 'listConsumers':
          return page(consumers)
        case 'getConsumer':
          return consumers.find(({ name }) => name === params['consumer'])
        case 'updateConsumer': {
          const found = consumers.find(({ name }) => name === params['consumer'])
          return found && change(consumers, found.id, { ...(body as Partial<Consumer>), revision: found.revision + 1 })
        }
        case 'listKeys':
          return ofConsumer(keys)
        case 'updateKey':
          return { ...change(keys, params['key'], state(body)), receipt }
        case 'revokeKey':
          return { ...change(keys, params['key'], { state: 'revoked', revoked_at: AT }), receipt }
        case 'listCredentials':
          return ofConsumer(credentials)
        case 'updateCredential':
          return { ...change(credentials, params['credential'], state(body)), receipt }
        case 'revokeCredential':
          return { ...change(credentials, params['credential'], { state: 'revoked' }), receipt }
        case 'reportKeys':
          return {
            at: AT,
            unused_for_days: Number(query.get('unused_for_days')),
            expiring_within_days: Number(query.get('expiring_within_days')),
            active: empty ? 0 : 41,
            never_used: empty ? group() : group(unused),
            unused: group(),
            expiring: empty ? group() : group(rotated),
            rotating: empty ? { ...group(), still_used: 0 } : { ...group(rotated), still_used: 1 },
          }
        case 'listSecurityEvents':
          return page(empty ? [] : events)
        case 'listObjects':
          return page(empty ? [] : objects.filter(({ kind }) => kind === query.get('kind')))
        case 'getEffectivePolicy': {
          const access = policies[params['route'] ?? ''] ?? null
          const release = query.get('release') ?? 'draft'
          return {
            route: params['route'],
            release,
            access,
            limits: access === null ? [] : limits,
            https: null,
            size: null,
          }
        }
        default:
          return undefined
      }
    },
  }
}

const events: readonly Answer<'listSecurityEvents'>['data'][number][] = [
  {
    id: 'sev_02',
    at: AT,
    kind: 'decoy_used',
    credential_id: bait.id,
    consumer: 'bait',
    agent: 'local-1',
    address: '203.0.113.9',
    request_id: 'req_01KA0012',
    url: null,
    action: 'alert',
  },
  {
    id: 'sev_01',
    at: AT,
    kind: 'key_leaked',
    credential_id: rotated.id,
    consumer: 'alice',
    agent: null,
    address: '192.0.2.14',
    request_id: null,
    url: 'https://code.example.com/acme/shop/blob/main/.env',
    action: 'revoke',
  },
]

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alice, facts, key, limitState, ports } from '#core/fakes/request.ts'
import { compiled, environment, keyed, limit, object, open, route } from '#core/fakes/release.ts'
import { indexBans } from './access/bans.ts'
import { formatApiKey } from './credentials/api-key.ts'
import { decide } from './decide.ts'
import type { Decision, LimitDemand, LimitState, Taken, TraceStep, Verified } from './decision.ts'

const withKey = facts({ path: '/orders' }, { 'x-api-key': key })
const protectedOrders = [
  route('orders', '/orders'),
  keyed('orders-access', { route: 'orders' }, { scopes: ['orders:read'] }),
]
const limited = [...protectedOrders, limit('a', { route: 'orders' }, 10), limit('b', environment, 2)]

const atOnce = (decision: Decision | Promise<Decision>): Decision => {
  assert.ok(!(decision instanceof Promise), 'a promise was made')
  return decision
}
const rail = (steps: readonly TraceStep[]): string => steps.map(({ gate, outcome }) => `${gate} ${outcome}`).join(', ')

test('an allowed request says by which rule, who, with what, and which limits are left', () => {
  const decision = atOnce(decide(compiled(...limited), withKey, ports()))
  assert.deepEqual(decision, {
    outcome: 'allow',
    reason: 'allowed',
    status: 200,
    route: 'orders',
    service: 'shop',
    principal: alice,
    rule: { kind: 'policy', name: 'orders-access', origin: 'f:policy/orders-access' },
    needed: ['orders:read'],
    had: alice.scopes,
    limits: [
      limitState({ policy: 'a', amount: 10, remaining: 9, resetMs: 1 }),
      limitState({ policy: 'b', amount: 2, remaining: 1, resetMs: 1 }),
    ],
    unsettled: [],
    tightest: 1,
    limitFields: 'draft',
    credentialHeaders: ['x-api-key'],
    credentialQuery: [],
    allow: [],
    location: null,
    hsts: null,
    retryAfterMs: 0,
  })
})

test('every decision has the same fields in the same order', () => {
  const release = compiled(...limited, route('lost', '/lost', { methods: ['GET'] }))
  const decisions = [
    decide(release, withKey, ports()),
    decide(release, facts({ path: '/none' }), ports()),
    decide(release, facts({ path: '/lost' }), ports()),
    decide(release, facts({ path: '/lost', method: 'PUT' }), ports()),
    decide(release, facts({ path: '/orders' }), ports()),
  ].map(atOnce)
  for (const decision of decisions) assert.deepEqual(Object.keys(decision), Object.keys(decisions[0] ?? {}))
})

test('ports that answer at once make no promise; ports that promise are waited for', async () => {
  const release = compiled(...limited)
  const now = atOnce(decide(release, withKey, ports()))
  const real = ports()
  const later = decide(release, withKey, {
    ...ports(),
    verify: async (...request) => real.verify(...request),
    take: async (demands) => real.take(demands),
  })
  assert.ok(later instanceof Promise)
  assert.deepEqual(await later, now)
})

test('a port that throws is not caught: nobody here knows what it means', async () => {
  const release = compiled(...limited)
  const broken = new Error('broken')
  const fail = (): never => {
    throw broken
  }
  assert.throws(() => decide(release, withKey, ports({ verify: fail })), broken)
  assert.throws(() => decide(release, withKey, ports({ take: fail })), broken)
  await assert.rejects(async () => decide(release, withKey, ports({ take: () => Promise.reject(broken) })), broken)
})

test('malformed keys and keys of other environments are refused without a look-up', () => {
  const verify = (): never => assert.fail('looked up')
  const release = compiled(...protectedOrders)
  for (const [text, reason] of [
    ['hgk_x', 'credential_malformed'],
    [formatApiKey('staging', '0'.repeat(30)), 'credential_wrong_environment'],
  ] as const) {
    const decision = atOnce(decide(release, facts({ path: '/orders' }, { 'x-api-key': text }), ports({ verify })))
    assert.equal(decision.reason, reason)
    assert.equal(decision.status, 401)
  }
})

test('a limit is not asked before access is decided', () => {
  const take = (): never => assert.fail('taken')
  const release = compiled(...limited, keyed('strict', environment), route('strict', '/strict'))
  assert.equal(atOnce(decide(release, facts({ path: '/orders' }), ports({ take }))).reason, 'credential_missing')
  const poor = { ...alice, scopes: ['orders:write'] }
  const denied = atOnce(decide(release, withKey, ports({ take, verify: () => ({ kind: 'proven', principal: poor }) })))
  assert.equal(denied.reason, 'scope_missing')
  assert.deepEqual([denied.needed, denied.had], [['orders:read'], ['orders:write']])
})

test('a credential that was denied names who it would have been', () => {
  const verified: Verified = { kind: 'denied', reason: 'credential_expired', principal: alice }
  const decision = atOnce(decide(compiled(...protectedOrders), withKey, ports({ verify: () => verified })))
  assert.equal(decision.reason, 'credential_expired')
  assert.deepEqual(decision.principal, alice)
  assert.deepEqual(decision.rule, { kind: 'policy', name: 'orders-access', origin: 'f:policy/orders-access' })
})

test('what only the identity service knows can be unavailable, and then nobody passes', () => {
  const verified: Verified = { kind: 'denied', reason: 'credential_unavailable', principal: null }
  const decision = atOnce(decide(compiled(...protectedOrders), withKey, ports({ verify: () => verified })))
  assert.equal(decision.status, 503)
})

const states: readonly LimitState[] = [
  limitState({ policy: 'a', amount: 10, remaining: 0, resetMs: 9, retryAfterMs: 3000 }),
  limitState({ policy: 'b', amount: 2, remaining: 0, resetMs: 9, retryAfterMs: 1 }),
]

test('of limits with the same share left the first is the tightest', () => {
  const take = () => ({
    kind: 'taken' as const,
    states: states.map((state) => ({ ...state, remaining: state.amount })),
  })
  assert.equal(atOnce(decide(compiled(...limited), withKey, ports({ take }))).tightest, 0)
})

test('a limit that is used up is named with its origin', () => {
  const take = () => ({ kind: 'exceeded' as const, states, exceeded: 1 })
  const decision = atOnce(decide(compiled(...limited), withKey, ports({ take })))
  assert.deepEqual([decision.reason, decision.status, decision.tightest], ['limit_exceeded', 429, 1])
  assert.deepEqual(decision.rule, { kind: 'policy', name: 'b', origin: 'f:policy/b' })
  assert.deepEqual(decision.limits, states)
})

test('a limit that cannot be counted refuses with 503', () => {
  const decision = atOnce(decide(compiled(...limited), withKey, ports({ take: () => ({ kind: 'unavailable' }) })))
  assert.deepEqual([decision.reason, decision.status, decision.limits], ['limit_unavailable', 503, []])
})

test('limits of a route are asked for together, in the order of their names', () => {
  const asked: string[] = []
  const real = ports()
  const watching = ports({
    take: (demands) => {
      asked.push(demands.map((demand) => `${demand.limit.id} ${demand.key}`).join(' | '))
      return real.take(demands)
    },
  })
  atOnce(decide(compiled(...limited), withKey, watching))
  assert.deepEqual(asked, ['acme/production/a c5:cns_1; | acme/production/b c5:cns_1;'])
})

test('a port may read the trace method through its object', () => {
  const seen: string[] = []
  const own = {
    ...ports(),
    seen,
    trace(step: TraceStep) {
      this.seen.push(step.gate)
    },
  }
  atOnce(decide(compiled(...protectedOrders), withKey, own))
  assert.deepEqual(seen, ['network', 'route', 'identity', 'access', 'limit'])
})

const release = compiled(
  ...limited,
  route('lost', '/lost'),
  route('site', '/', { match: 'prefix' }),
  open('site-open', { route: 'site' }),
)
const denied = (reason: 'consumer_disabled' | 'credential_revoked'): ReturnType<typeof ports> =>
  ports({ verify: () => ({ kind: 'denied', reason, principal: alice }) })

for (const [title, request, with_, expected] of [
  ['allowed', withKey, ports(), 'network passed, route passed, identity passed, access passed, limit passed'],
  ['public', facts(), ports(), 'network passed, route passed, identity passed, access passed, limit passed'],
  [
    'ambiguous',
    facts({ path: '/ORDERS' }),
    ports(),
    'network stopped, route not_reached, identity not_reached, access not_reached, limit not_reached',
  ],
  [
    'without credential',
    facts({ path: '/orders' }),
    ports(),
    'network passed, route passed, identity stopped, access not_reached, limit not_reached',
  ],
  [
    'revoked',
    withKey,
    denied('credential_revoked'),
    'network passed, route passed, identity stopped, access not_reached, limit not_reached',
  ],
  [
    'of a disabled consumer',
    withKey,
    denied('consumer_disabled'),
    'network passed, route passed, identity passed, access stopped, limit not_reached',
  ],
  [
    'undecided',
    facts({ path: '/lost' }),
    ports(),
    'network passed, route passed, identity passed, access stopped, limit not_reached',
  ],
  [
    'above a limit',
    withKey,
    ports({ take: () => ({ kind: 'exceeded', states, exceeded: 0 }) }),
    'network passed, route passed, identity passed, access passed, limit stopped',
  ],
] as const) {
  test(`a request that is ${title} leaves one step at every gate`, () => {
    atOnce(decide(release, request, with_))
    assert.equal(rail(with_.steps), expected)
  })
}

test('a trace names rules and hints, and never a key', () => {
  const watching = ports()
  atOnce(decide(release, withKey, watching))
  const text = JSON.stringify(watching.steps)
  assert.match(text, /orders-access/)
  assert.match(text, /…kkkk/)
  assert.ok(!text.includes(key) && !text.includes('kkkkk'))
})

test('a key in another field than the policy names is not a credential', () => {
  const custom = compiled(
    route('orders', '/orders'),
    object('policy', 'p', {
      type: 'access',
      on: environment,
      credentials: [{ kind: 'api_key', header: 'x-shop-key' }],
    }),
  )
  assert.equal(atOnce(decide(custom, withKey, ports())).reason, 'credential_missing')
  const right = facts({ path: '/orders' }, { 'x-shop-key': key, authorization: `Bearer ${key}` })
  assert.deepEqual(atOnce(decide(custom, right, ports())).credentialHeaders, ['authorization', 'x-shop-key'])
})

test('a route that is meant for inside is closed to the internet, and says which rule did it', () => {
  const outside = { ...withKey, address: '192.0.2.7' }
  const decision = atOnce(decide(compiled(...protectedOrders), outside, ports({ verify: () => assert.fail('asked') })))
  assert.deepEqual([decision.reason, decision.status, decision.had], ['source_not_allowed', 403, ['192.0.2.7']])
  assert.ok(decision.needed.includes('10.0.0.0/8'))
  assert.deepEqual(decision.rule, { kind: 'route', name: 'orders', origin: 'f:route/orders' })
  const [, policy] = protectedOrders
  assert.ok(policy !== undefined)
  const exposed = compiled(route('orders', '/orders', { exposure: 'public' }), policy)
  assert.equal(atOnce(decide(exposed, outside, ports())).reason, 'allowed')
})

test('addresses of an access policy count in place of what inside is', () => {
  const addressed = keyed('p', { route: 'orders' }, { addresses: { allow: ['192.0.2.0/24'] } })
  const only = compiled(route('orders', '/orders'), addressed)
  assert.equal(atOnce(decide(only, { ...withKey, address: '192.0.2.7' }, ports())).reason, 'allowed')
  const refused = atOnce(decide(only, { ...withKey, address: '10.0.0.1' }, ports()))
  assert.deepEqual([refused.reason, refused.rule?.name], ['source_not_allowed', 'p'])
})

test('an undecided route that is meant for inside does not tell the internet that nobody has decided', () => {
  const request = facts({ path: '/lost', address: '192.0.2.7' })
  assert.equal(atOnce(decide(compiled(route('lost', '/lost')), request, ports())).reason, 'source_not_allowed')
})

test('a ban that shuts a request out is the rule that decided', () => {
  const bans = indexBans([{ id: 'ban_1', source: '127.0.0.0/8', consumerId: null, expiresAtMs: 0 }])
  const bySource = atOnce(decide(compiled(...limited), withKey, { ...ports(), bans: () => bans }))
  assert.deepEqual([bySource.reason, bySource.rule], ['source_banned', { kind: 'ban', name: 'ban_1', origin: '' }])
  const ofAlice = indexBans([{ id: 'ban_2', source: null, consumerId: alice.consumerId, expiresAtMs: 0 }])
  const byConsumer = atOnce(decide(compiled(...limited), withKey, { ...ports(), bans: () => ofAlice }))
  assert.deepEqual([byConsumer.reason, byConsumer.rule?.name, byConsumer.route], ['consumer_banned', 'ban_2', 'orders'])
})

// Guards against a place that is given back although another request holds it.
test('what a request holds is left to be settled, but not of a shadow limit that had no room', () => {
  const places = (name: string, shadow: boolean) =>
    object('policy', name, {
      type: 'limit',
      on: { environment: true },
      algorithm: 'concurrency',
      requests: 1,
      shadow,
    })
  const release = compiled(...limited, places('c', false), places('d', true), places('e', true))
  const exceeded = ({ limit: { policy, shadow } }: LimitDemand): LimitState =>
    limitState({ policy, shadow, exceeded: policy === 'd' })
  const take = (demands: readonly LimitDemand[]): Taken => ({ kind: 'taken', states: demands.map(exceeded) })
  const { unsettled } = atOnce(decide(release, withKey, ports({ take })))
  assert.deepEqual(
    unsettled.map(({ limit: { policy } }) => policy),
    ['c', 'e'],
  )
})

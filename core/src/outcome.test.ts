import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alice, facts, key, ports } from '#core/fakes/request.ts'
import { compiled, environment, keyed, limit, route } from '#core/fakes/release.ts'
import { decide } from './decide.ts'
import { refuse } from './outcome.ts'
import { reasons, type Reason } from './reasons.ts'

const release = compiled(route('orders', '/orders'), keyed('access', environment), limit('limit', environment, 5))
const allowed = await decide(release, facts({ path: '/orders' }, { 'x-api-key': key }), ports())

test('a refusal without a decision knows its reason only', () => {
  assert.deepEqual(refuse('host_missing'), {
    outcome: 'deny',
    reason: 'host_missing',
    status: 400,
    route: null,
    service: null,
    principal: null,
    rule: null,
    needed: [],
    had: [],
    limits: [],
    unsettled: [],
    tightest: -1,
    limitFields: 'draft',
    credentialHeaders: [],
    credentialQuery: [],
    allow: [],
    location: null,
    hsts: null,
    retryAfterMs: 0,
  })
})

test('a service that does not answer is refused with what the decision found', () => {
  const { outcome, status, route: name, principal, limits, rule } = refuse('upstream_timeout', allowed)
  assert.deepEqual([outcome, status, name, principal, rule], ['deny', 504, 'orders', alice, null])
  assert.deepEqual(limits, allowed.limits)
})

test('every reason has the status that its decision has', () => {
  for (const reason of Object.keys(reasons) as Reason[]) assert.equal(refuse(reason).status, reasons[reason].status)
})

test('a refusal has the fields of a decision, in the same order', () => {
  assert.deepEqual(Object.keys(refuse('not_ready')), Object.keys(allowed))
})

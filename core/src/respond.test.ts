import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitState } from '#core/fakes/request.ts'
import type { Decision, LimitState } from './decision.ts'
import { refuse } from './outcome.ts'
import { reasons, type Reason } from './reasons.ts'
import { publicProblem, type ResponseHeader, responseHeaders } from './respond.ts'

/** Without the one that the caller of it adds. */
function headersOf(decision: Decision): readonly ResponseHeader[] {
  const headers = responseHeaders(decision, ['last', ''])
  assert.deepEqual(headers.at(-1), ['last', ''])
  return headers.slice(0, -1)
}

const state = (policy: string, rest: Partial<LimitState> = {}): LimitState => {
  return limitState({ policy, amount: 100, remaining: 50, resetMs: 30_000, ...rest })
}
const decision = (reason: Reason, rest: Partial<Decision> = {}): Decision => ({ ...refuse(reason), ...rest })

const allowedDecision: Decision = { ...refuse('not_ready'), outcome: 'allow', reason: 'allowed', status: 200 }

/** What operators see and callers must not. */
const secrets: Partial<Decision> = {
  route: 'secret-route',
  service: 'secret-service',
  rule: { kind: 'policy', name: 'secret-rule', origin: 'secret.yaml:1' },
  needed: ['secret:needed'],
  had: ['secret:had'],
}

test('a problem has type, title, status, code and the request id', () => {
  assert.deepEqual(publicProblem(decision('credential_missing'), 'req_1'), {
    type: 'https://headgate.dev/problems/credential_missing',
    title: 'A credential is needed',
    status: 401,
    code: 'credential_missing',
    request_id: 'req_1',
  })
})

test('no refusal tells a caller about routes, rules, scopes or principals', () => {
  for (const reason of Object.keys(reasons) as Reason[]) {
    const denied = decision(reason, secrets)
    assert.doesNotMatch(JSON.stringify([publicProblem(denied, 'req_1'), headersOf(denied)]), /secret/, reason)
  }
})

test('a redirect says where to, and browsers are told to come over HTTPS', () => {
  const fields = headersOf(decision('https_redirect', { location: 'https://a.test/', hsts: 'max-age=1' }))
  assert.deepEqual(fields, [
    ['Location', 'https://a.test/'],
    ['Strict-Transport-Security', 'max-age=1'],
  ])
})

test('429 names the policy that is used up and when to come back', () => {
  const limits = [state('wide'), state('tight', { remaining: 0, retryAfterMs: 1201, exceeded: true })]
  const denied = decision('limit_exceeded', { limits, tightest: 1 })
  const { policy, detail } = publicProblem(denied, 'req_1')
  assert.deepEqual([policy, detail], ['tight', 'Try again in 2 s'])
  assert.deepEqual(headersOf(denied), [
    ['Retry-After', '2'],
    ['RateLimit-Policy', '"wide";q=100;w=60, "tight";q=100;w=60'],
    ['RateLimit', '"tight";r=0;t=2'],
  ])
})

test('what is allowed carries the state of its limits', () => {
  const allowed = allowedDecision
  assert.deepEqual(headersOf(allowed), [])
  assert.deepEqual(headersOf({ ...allowed, limits: [state('a')], tightest: 0 }), [
    ['RateLimit-Policy', '"a";q=100;w=60'],
    ['RateLimit', '"a";r=50;t=30'],
  ])
  assert.throws(() => publicProblem(allowed, 'req_1'), RangeError)
})

test('times are whole seconds, rounded up, so that who waits is not refused again', () => {
  const limits = [state('a', { windowMs: 100, remaining: 0, resetMs: 1, retryAfterMs: 0.5, exceeded: true })]
  assert.deepEqual(headersOf(decision('limit_exceeded', { limits, tightest: 0 })), [
    ['Retry-After', '1'],
    ['RateLimit-Policy', '"a";q=100;w=1'],
    ['RateLimit', '"a";r=0;t=1'],
  ])
})

test('401 carries a challenge, with an error only when something was presented', () => {
  assert.deepEqual(headersOf(decision('credential_missing')), [['WWW-Authenticate', 'Bearer realm="headgate"']])
  assert.deepEqual(headersOf(decision('credential_expired')), [
    [
      'WWW-Authenticate',
      'Bearer realm="headgate", error="invalid_token", error_description="The credential has expired"',
    ],
  ])
})

test('a proof that is missing or wrong is asked for in its own scheme', () => {
  for (const [reason, error] of [
    ['proof_invalid', 'invalid_dpop_proof'],
    ['proof_replayed', 'invalid_dpop_proof'],
    ['credential_unbound', 'invalid_token'],
  ] as const) {
    const [field] = headersOf(decision(reason))
    assert.equal(field?.[0], 'WWW-Authenticate')
    const value = field?.[1] ?? ''
    assert.ok(value.startsWith(`DPoP realm="headgate", error="${error}"`), value)
  }
})

test('405 says what is allowed', () => {
  assert.deepEqual(headersOf(decision('method_not_allowed', { allow: ['GET', 'HEAD'] })), [['Allow', 'GET, HEAD']])
})

test('what is said about a policy follows its numbers', () => {
  const limits = [state('a', { amount: 7, windowMs: 1_000, exceeded: true }), state('b')]
  const said = headersOf(decision('limit_exceeded', { limits, tightest: 0 })).find(
    ([name]) => name === 'RateLimit-Policy',
  )
  assert.equal(said?.[1], '"a";q=7;w=1, "b";q=100;w=60')
})

const of = (fields: readonly ResponseHeader[], name: string): string | undefined =>
  fields.find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1]

test('of several limits that refuse all are named, and the longest wait counts', () => {
  const limits = [
    state('open'),
    state('second', { remaining: 0, retryAfterMs: 900, exceeded: true }),
    state('day', { algorithm: 'quota', windowMs: 90_000_000, remaining: 0, retryAfterMs: 5_000_000, exceeded: true }),
    state('shadow', { remaining: 0, retryAfterMs: 9_000_000, exceeded: true, shadow: true }),
  ]
  const denied = decision('limit_exceeded', { limits, tightest: 1 })
  const problem = publicProblem(denied, 'req_1')
  assert.equal(problem.type, 'https://iana.org/assignments/http-problem-types#quota-exceeded')
  assert.deepEqual([problem.policy, problem['violated-policies']], ['second', ['second', 'day']])
  assert.equal(problem.detail, 'Try again in 5000 s')
  const fields = headersOf(denied)
  assert.equal(of(fields, 'retry-after'), '5000')
  assert.equal(of(fields, 'ratelimit'), '"second";r=0;t=1, "day";r=0;t=5000')
  assert.equal(of(fields, 'ratelimit-policy'), '"open";q=100;w=60, "second";q=100;w=60, "day";q=100;w=86400')
})

test('bytes and places say what is counted, and nobody knows when a place becomes free', () => {
  const limits = [
    state('bytes', { unit: 'bytes', amount: 10 ** 15, remaining: 10 ** 15 }),
    state('places', { algorithm: 'concurrency', windowMs: 0, remaining: 1, resetMs: 0 }),
  ]
  const fields = headersOf({ ...allowedDecision, limits, tightest: 1 })
  assert.equal(
    of(fields, 'ratelimit-policy'),
    '"bytes";q=999999999999999;qu="content-bytes";w=60, "places";q=100;qu="concurrent-requests"',
  )
  assert.equal(of(fields, 'ratelimit'), '"places";r=1')
  assert.equal(
    of(headersOf({ ...allowedDecision, limits, tightest: 0 }), 'ratelimit'),
    '"bytes";r=999999999999999;t=30',
  )
})

test('shadow limits are told to nobody', () => {
  const limits = [state('secret', { shadow: true, exceeded: true })]
  assert.deepEqual(headersOf({ ...allowedDecision, limits, tightest: -1 }), [])
  const both = headersOf({ ...allowedDecision, limits: [...limits, state('told')], tightest: 1 })
  assert.doesNotMatch(JSON.stringify(both), /secret/)
})

test('who is refused for its cost is told when that much passes', () => {
  const limits = [state('a', { remaining: 3, resetMs: 60_000, retryAfterMs: 12_000, exceeded: true })]
  assert.equal(of(headersOf(decision('limit_exceeded', { limits, tightest: 0 })), 'ratelimit'), '"a";r=3;t=12')
})

test('in the older style the tightest limit is told in three fields, and the problem is ours', () => {
  const limits = [state('a', { remaining: 0, retryAfterMs: 1500, exceeded: true })]
  const denied = decision('limit_exceeded', { limits, tightest: 0, limitFields: 'x-ratelimit' })
  assert.deepEqual(headersOf(denied), [
    ['Retry-After', '2'],
    ['X-RateLimit-Limit', '100'],
    ['X-RateLimit-Remaining', '0'],
    ['X-RateLimit-Reset', '2'],
  ])
  const { type, code, policy, ...rest } = publicProblem(denied, 'req_1')
  assert.deepEqual([type, code, policy], ['https://headgate.dev/problems/limit_exceeded', 'limit_exceeded', 'a'])
  assert.ok(!('violated-policies' in rest))
})

test('with no style nothing is told but when to come back', () => {
  const limits = [state('a', { remaining: 0, retryAfterMs: 1500, exceeded: true })]
  const denied = decision('limit_exceeded', { limits, tightest: 0, limitFields: 'none' })
  assert.deepEqual(headersOf(denied), [['Retry-After', '2']])
  assert.deepEqual(headersOf({ ...allowedDecision, limits, tightest: 0, limitFields: 'none' }), [])
})

test('what is short for a moment, and what is too much of one source, have the problem types of the draft', () => {
  for (const [reason, name] of [
    ['limit_unavailable', 'temporary-reduced-capacity'],
    ['upstream_overloaded', 'temporary-reduced-capacity'],
    ['load_shed', 'temporary-reduced-capacity'],
    ['source_locked_out', 'abnormal-usage-detected'],
  ] as const) {
    const { type, code } = publicProblem(decision(reason), 'req_1')
    assert.deepEqual([type, code], [`https://iana.org/assignments/http-problem-types#${name}`, reason])
  }
})

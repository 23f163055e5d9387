import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusedExplanation } from '#cli/fakes/samples.ts'
import { renderRail } from './rail.ts'
import { createStyle, visibleLength } from './style.ts'

const plain = createStyle({ colour: false, unicode: true })

test('a refusal shows the gate that stopped it, the rule, what was needed, what was had, and the fix', () => {
  assert.equal(
    renderRail(refusedExplanation, plain, 100),
    `  DELETE /orders/42   403 scope_missing   0.7 ms   agent local-1   release r1

  TLS ──● Network ──● Route ──● Identity ──● Access ──┃ Limit ────○ Upstream ──○
  1.3     allowed     orders    key …Qd4x    stopped    not reached not reached

  Reason   The credential lacks a scope
  Rule     orders.access (headgate.yaml:14)
  Needed   orders:delete
  Had      orders:read
  Fix      headgate keys grant key_01KA --scope orders:delete
`,
  )
})

for (const [kind, hint, text] of [
  ['jwt', 'idp', 'token idp'],
  ['introspection', 'idp', 'token idp'],
  ['mtls', 'spiffe://a/ci', 'spiffe://a/ci'],
  ['signature', 'bank', 'key bank'],
] as const) {
  test(`a caller that is proven by ${kind} is told as ${text}`, () => {
    const { principal } = refusedExplanation
    assert.ok(principal)
    const caller = { ...principal, credential_kind: kind, hint }
    assert.match(
      renderRail({ ...refusedExplanation, principal: caller }, plain, 120),
      new RegExp(`orders +${text} +stopped`),
    )
  })
}

test('without Unicode the rail is ASCII', () => {
  const ascii = createStyle({ colour: false, unicode: false })
  const shown = renderRail(refusedExplanation, ascii, 100)
  assert.match(shown, /^[\x20-\x7e\n]+$/)
  assert.match(shown, /TLS --\* .* Access --\| Limit ----o/)
})

test('where the rail does not fit it stands upright, one gate a line', () => {
  const lines = renderRail(refusedExplanation, plain, 40).split('\n')
  assert.equal(lines[2], '  ● TLS       1.3')
  assert.equal(lines[6], '  ┃ Access    stopped')
  assert.equal(lines[8], '  ○ Upstream  not reached')
})

test('colour changes nothing but colour', () => {
  const colour = createStyle({ colour: true, unicode: true })
  const lines = (text: string): number[] => text.split('\n').map(visibleLength)
  assert.deepEqual(
    lines(renderRail(refusedExplanation, colour, 100)),
    lines(renderRail(refusedExplanation, plain, 100)),
  )
})

test('a limited request shows the limit and when there is room again', () => {
  const limit = {
    policy: 'orders.limit',
    requests: 10,
    window_ms: 10_000,
    remaining: 0,
    reset_ms: 9_500,
    retry_after_ms: 900,
  }
  const limited = { ...refusedExplanation, needed: [], had: [], limits: [limit], tightest: 0 }
  assert.match(renderRail(limited, plain, 100), /Limit +orders\.limit 10\/10s, used up, again in 1s/)
})

// A path is chosen by whoever calls; printed as it is, it could clear the screen or forge a line.
test('what a caller sent cannot act on the terminal', () => {
  const shown = renderRail({ ...refusedExplanation, path: '/\u001B[2J\nRule', method: '\u009Bx' }, plain, 100)
  assert.doesNotMatch(shown, /[\u001B\u009B]/)
  assert.match(shown, /\/\\u001b\[2J\\u000aRule/)
})

/** What is said about limits. */
const limitLines = (limits: typeof refusedExplanation.limits, tightest = 0): string =>
  renderRail({ ...refusedExplanation, limits, tightest }, plain, 120)
    .split('\n')
    .filter((line) => /^ {2}(?:Limit|Shadow) {3}/.test(line))
    .join('\n')

const rate = { policy: 'a', requests: 10, window_ms: 10_000, remaining: 3, reset_ms: 7_000, retry_after_ms: 0 }

test('a limit is told by its algorithm and unit, and one of an old record as a rate', () => {
  assert.equal(limitLines([rate]), '  Limit    a 10/10s, 3 left')
  const bytes = { ...rate, algorithm: 'quota' as const, unit: 'bytes' as const, window_ms: 90_000_000 }
  assert.equal(limitLines([bytes]), '  Limit    a 10 bytes per day, 3 bytes left')
  const places = { ...rate, algorithm: 'concurrency' as const, window_ms: 0, remaining: 0, retry_after_ms: 1_000 }
  assert.equal(limitLines([places]), '  Limit    a 10 at a time, all in use')
})

test('of other limits those that are full are named, and shadow limits apart', () => {
  const full = { ...rate, policy: 'b', exceeded: true, shadow: false, remaining: 0, retry_after_ms: 2_000 }
  const shadow = { ...rate, policy: 'c', algorithm: 'sliding_window' as const, exceeded: true, shadow: true }
  assert.equal(
    limitLines([rate, full, shadow, { ...rate, policy: 'd' }]),
    '  Limit    a 10/10s, 3 left, used up: b, 1 more with room\n  Shadow   c 10 in any 10s would have refused this',
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gates, kindOf, railOf, railText } from './gates.ts'

const deny = (reason: string, status = 403) => ({ outcome: 'deny', reason, status }) as const
const allow = (status: number) => ({ outcome: 'allow', reason: 'allowed', status }) as const

for (const [reason, gate] of [
  ['client_certificate_missing', 'tls'],
  ['https_redirect', 'tls'],
  ['cleartext_credential', 'tls'],
  ['host_missing', 'network'],
  ['method_invalid', 'network'],
  ['method_not_allowed', 'route'],
  ['not_ready', 'route'],
  ['proxy_chain_invalid', 'network'],
  ['source_banned', 'network'],
  ['agent_overloaded', 'network'],
  ['source_not_allowed', 'identity'],
  ['source_locked_out', 'identity'],
  ['credential_revoked', 'identity'],
  ['token_audience_mismatch', 'identity'],
  ['proof_replayed', 'identity'],
  ['signature_insufficient', 'identity'],
  ['certificate_unknown', 'identity'],
  ['role_missing', 'access'],
  ['time_not_allowed', 'access'],
  ['expression_failed', 'access'],
  ['access_undecided', 'access'],
  ['address_not_allowed', 'access'],
  ['consumer_disabled', 'access'],
  ['consumer_banned', 'access'],
  ['body_too_large', 'limit'],
  ['load_shed', 'upstream'],
  ['limit_unavailable', 'limit'],
  ['upstream_identity_invalid', 'upstream'],
  ['upstream_timeout', 'upstream'],
] as const) {
  test(`${reason} stops at the gate ${gate}, with nothing reached behind it`, () => {
    const stop = gates.indexOf(gate)
    const expected = gates.map((_, index) => (index < stop ? 'passed' : index === stop ? 'stopped' : 'not_reached'))
    assert.deepEqual(railOf(deny(reason)), expected)
  })
}

test('an allowed request passes every gate', () => {
  assert.equal(railText(railOf(allow(200))), 'passed every gate')
})

// A control plane that is newer than the page in the browser may send a reason of tomorrow.
test('a refusal for an unknown reason is never drawn as passed', () => {
  const rail = railOf(deny('tomorrow_thing'))
  assert.ok(!rail.includes('passed'))
  assert.equal(railText(rail), 'stopped at a gate that this page does not know')
  assert.equal(kindOf(deny('tomorrow_thing')), 'refused')
})

test('a reason that is a name of every object is unknown, too', () => {
  assert.equal(kindOf(deny('constructor')), 'refused')
  assert.ok(!railOf(deny('constructor')).includes('passed'))
})

test('refused, limited, failed and allowed are told apart', () => {
  assert.equal(kindOf(deny('scope_missing')), 'refused')
  assert.equal(kindOf(deny('limit_exceeded', 429)), 'limited')
  assert.equal(kindOf(deny('upstream_unreachable', 502)), 'failed')
  assert.equal(kindOf(allow(503)), 'failed')
  assert.equal(kindOf(allow(404)), 'allowed')
})

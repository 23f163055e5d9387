import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gates, reasons } from './reasons.ts'

for (const [code, { status, gate, title }] of Object.entries(reasons)) {
  test(`${code} is a code, a status of a refusal, a gate and a sentence`, () => {
    assert.match(code, /^[a-z]+(?:_[a-z]+)*$/)
    // A redirect refuses, too: what was asked for is not done.
    assert.ok(status === 308 || (status >= 400 && status < 600))
    assert.ok(gates.includes(gate))
    // The sentence goes into a quoted string of WWW-Authenticate.
    assert.match(title, /^[A-Z][A-Za-z ,']+[a-z]$/)
  })
}

test('reasons about credentials say so in their status', () => {
  for (const [code, { status, gate }] of Object.entries(reasons)) {
    if (status === 401) assert.equal(gate, 'identity', code)
  }
})

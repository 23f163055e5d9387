import assert from 'node:assert/strict'
import test from 'node:test'
import { Refusal } from '#control-plane/rest/refusal.ts'
import { identityText, readIdentity } from './identity.ts'

const FINGERPRINT = 'ab'.repeat(32)

for (const [kind, value, text] of [
  ['uri', 'spiffe://acme/ci', 'uri:spiffe://acme/ci'],
  ['uri', 'urn:acme:ci', 'uri:urn:acme:ci'],
  ['dns', 'CI.Acme.test', 'dns:ci.acme.test'],
  ['email', 'Ci@acme.test', 'email:Ci@acme.test'],
  ['subject', 'CN=ci,O=Größe GmbH', 'subject:CN=ci,O=Größe GmbH'],
  ['subject', 'CN = ci , O = Acme\\, C=x, C = DE', 'subject:CN=ci,O=Acme\\, C=x,C=DE'],
  ['fingerprint', FINGERPRINT, `fingerprint:${FINGERPRINT}`],
  ['fingerprint', Array(32).fill('AB').join(':'), `fingerprint:${FINGERPRINT}`],
] as const) {
  test(`${kind} ${value} is compared as ${text}, and shown again`, () => {
    assert.equal(identityText({ kind, value }), text)
    assert.deepEqual(readIdentity(text), { kind, value: text.slice(kind.length + 1) })
  })
}

for (const [kind, value] of [
  ['uri', 'spiffe'],
  ['uri', 'spiffe://acme/c i'],
  ['uri', '://acme'],
  ['dns', '*.acme.test'],
  ['dns', 'acme..test'],
  ['dns', 'a'.repeat(64)],
  ['email', 'acme.test'],
  ['email', 'ci@ACME.test'],
  ['subject', 'ci'],
  ['subject', 'CN='],
  ['subject', 'CN=ci\nO=acme'],
  ['fingerprint', 'ab'.repeat(31)],
  ['fingerprint', 'zz'.repeat(32)],
] as const) {
  test(`${JSON.stringify(value)} is no ${kind}`, () => {
    assert.throws(() => identityText({ kind, value }), Refusal)
  })
}

import assert from 'node:assert/strict'
import test from 'node:test'
import { readDecision } from './record.ts'
import type { DecisionRow } from './store.ts'

const row = (record: object): DecisionRow =>
  ({
    requestId: 'req_1',
    at: new Date(0),
    releaseNumber: 1,
    allowed: true,
    reason: 'allowed',
    status: 200,
    method: 'GET',
    host: 'shop.test',
    path: '/',
    route: 'r',
    service: 's',
    durationMs: 1,
    record,
  }) as unknown as DecisionRow

const principal = {
  consumer: 'alice',
  consumer_id: 'cns_1',
  credential_id: 'key_1',
  credential_kind: 'api_key',
  hint: '…Qd4x',
  scopes: ['a'],
}

test('a record of an agent that knew neither roles, issuers nor certificates can be read', () => {
  const record = readDecision(row({ principal }), 'dev')
  assert.deepEqual(record.principal, { ...principal, roles: [], issuer: null })
  assert.equal(record.certificate, null)
})

test('what an agent says of roles, issuer and certificate is kept', () => {
  const certificate = { subject: 'CN=ci', fingerprint: '0123456789abcdef', problem: null }
  const told = { ...principal, credential_kind: 'jwt', issuer: 'login', roles: ['reader'] }
  const record = readDecision(row({ principal: told, certificate }), 'dev')
  assert.deepEqual([record.principal, record.certificate], [told, certificate])
})

test('what does not fit is as good as unknown', () => {
  const record = readDecision(row({ principal: 7, certificate: 'x', limits: {} }), 'dev')
  assert.deepEqual([record.principal, record.certificate, record.limits], [null, null, []])
})

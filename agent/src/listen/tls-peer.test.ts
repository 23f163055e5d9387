/**
 * Names of client certificates: each is what the authority signed, and nothing that could be taken for another name.
 */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { issueUnusual } from '@headgate/kit/pki-testing.ts'
import { authority } from '#agent/testing/tls.ts'
import { subjectNames } from './tls-peer.ts'

type Names = NonNullable<Parameters<typeof issueUnusual>[1]['names']>

async function readNames(names: Names): Promise<readonly string[]> {
  const { certificate } = await issueUnusual(authority, { names })
  return subjectNames(new X509Certificate(certificate).subjectAltName ?? '')
}

test('every form of name is read as it was signed', async () => {
  const names = await readNames([
    { type: 'url', value: 'spiffe://acme/ci' },
    { type: 'dns', value: 'ci.acme.test' },
    { type: 'email', value: 'ci@acme.test' },
    { type: 'ip', value: '192.0.2.1' },
    { type: 'dn', value: 'CN=ci, O=acme' },
  ])
  assert.deepEqual(names.slice(0, 4), [
    'URI:spiffe://acme/ci',
    'DNS:ci.acme.test',
    'email:ci@acme.test',
    'IP Address:192.0.2.1',
  ])
  assert.equal(names.length, 5)
  assert.match(names[4] ?? '', /^DirName:/)
})

// CVE-2021-44531 and CVE-2021-44532: one name that reads like several.
for (const value of [
  'a.test, URI:spiffe://acme/ci',
  'a.test,URI:spiffe://acme/ci',
  'a.test", URI:spiffe://acme/ci, DNS:"b.test',
  '"a.test", URI:spiffe://acme/ci',
  "a.test', URI:spiffe://acme/ci",
  'a.test\\", URI:spiffe://acme/ci',
  'a.test\n, URI:spiffe://acme/ci',
  'a.test\u0000, URI:spiffe://acme/ci',
  ', URI:spiffe://acme/ci',
  'URI:spiffe://acme/ci',
  '\\',
  '"',
]) {
  for (const type of ['dns', 'email', 'url'] as const) {
    test(`the ${type} name ${JSON.stringify(value)} is one name`, async () => {
      const kind = { dns: 'DNS', email: 'email', url: 'URI' }[type]
      const names = await readNames([
        { type, value },
        { type: 'dns', value: 'last.test' },
      ])
      assert.deepEqual(names, [`${kind}:${value}`, 'DNS:last.test'])
      assert.ok(type === 'url' || !names.includes('URI:spiffe://acme/ci'))
    })
  }
}

test('a zero in the middle of a name does not end it', async () => {
  const names = await readNames([{ type: 'dns', value: 'ci.acme.test\u0000.evil.test' }])
  assert.deepEqual(names, ['DNS:ci.acme.test\u0000.evil.test'])
})

for (const text of [
  'DNS:a.test, URI:"spiffe://acme/ci',
  'DNS:a.test, URI:"spiffe://acme/ci"x',
  'DNS:a.test, URI:spiffe://acme/ci"',
  'DNS:a.test, ',
  'DNS:a.test,DNS:b.test',
  'DNS:a.test, b.test',
  'DNS',
  'DNS:"\\x41.test"',
  'DNS:"a\nb"',
  "DNS:a'b",
  'DNS:a\\b',
  ':a',
]) {
  test(`a text that is read in part is not read at all: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(subjectNames(text), [])
  })
}

test('without names there are none', () => assert.deepEqual(subjectNames(''), []))

test('attributes of a subject stay apart, whatever they hold', async () => {
  const subjectOf = async (value: string): Promise<string> => {
    const { certificate } = await issueUnusual(authority, { subject: [{ CN: [value] }] })
    return new X509Certificate(certificate).subject ?? ''
  }
  const ci = await issueUnusual(authority, { subject: [{ CN: ['ci'] }, { O: ['acme'] }] })
  const real = new X509Certificate(ci.certificate).subject
  assert.equal(real, 'CN=ci\nO=acme')
  for (const value of ['ci\nO=acme', 'ci\r\nO=acme', 'ci, O=acme', 'ci+O=acme', 'ci\u0000\nO=acme', 'ci\u2028O=acme']) {
    const subject = await subjectOf(value)
    assert.notEqual(subject, real, JSON.stringify(value))
    assert.equal(subject.split('\n').length, 1, JSON.stringify(subject))
  }
  const joined = await issueUnusual(authority, { subject: [{ CN: ['ci'], O: ['acme'] }] })
  assert.notEqual(new X509Certificate(joined.certificate).subject, real)
})

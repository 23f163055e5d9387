import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import { hostPattern, objectName, scopeName, secretReference } from './common.ts'
import { isKind, kindNames, kinds } from './index.ts'
import { certificateSpec } from './certificate.ts'
import { apiKeySource, policySpec } from './policy.ts'
import { pathPattern, routeSpec } from './route.ts'
import { serviceSpec } from './service.ts'

const accepts = (schema: z.ZodType, value: unknown): boolean => schema.safeParse(value).success

for (const [name, schema, good, bad] of [
  [
    'objectName',
    objectName,
    ['a', 'a.b_c-9', 'a'.repeat(63)],
    ['', 'A', '-a', 'a-', 'a b', 'a/b', 'ä', 'a'.repeat(64)],
  ],
  [
    'scopeName',
    scopeName,
    ['a', 'orders:read', 'a/b.c_d-e', 'orders:*'],
    ['', ':a', 'a b', 'a"', 'a\\', 'a'.repeat(129)],
  ],
  [
    'hostPattern',
    hostPattern,
    ['a', 'a.b', '*.a.b', 'a-b.c', '127.0.0.1', '_a.b'],
    ['', '*', '*.', 'a.*', 'A', 'a.', 'a..b', 'a:80', '*a.b', '[::1]', '-a'],
  ],
  [
    'secretReference',
    secretReference,
    ['env://KEY', 'file:///run/key.pem'],
    ['', 'env://', 'env://1A', 'file://a', 'file:///', 'vault://a', 'plain'],
  ],
  [
    'pathPattern',
    pathPattern,
    ['/', '/a', '/a/', '/a/{id}', '/a/{id}/', '/*', '/a/*', "/~a!$&'()+,=:@-._"],
    [
      '',
      'a',
      '//',
      '/a//b',
      '/a/*/b',
      '/a*',
      '/{}',
      '/{A}',
      '/{a',
      '/a{b}',
      '/%41',
      '/a;b',
      '/a?b',
      '/a#',
      '/a b',
      '/.',
      '/a/../b',
      '/..',
    ],
  ],
] as const) {
  test(`${name} takes what it should and nothing else`, () => {
    for (const value of good) assert.ok(accepts(schema, value), value)
    for (const value of bad) assert.ok(!accepts(schema, value), JSON.stringify(value))
  })
}

test('a target is an origin: a path in it would change the path that was decided about', () => {
  const target = (url: string): boolean => accepts(serviceSpec, { owner: 'a', targets: [{ url }] })
  for (const url of ['http://a', 'https://a.b:8443', 'http://127.0.0.1:3000/', 'http://[::1]:80'])
    assert.ok(target(url), url)
  for (const url of ['ftp://a', 'http://a/b', 'http://a?b', 'http://a#b', 'http://u:p@a', 'a', 'http://'])
    assert.ok(!target(url), url)
})

test('an access policy is public or asks for credentials, never both or neither', () => {
  const access = (rest: object): boolean => accepts(policySpec, { type: 'access', on: { environment: true }, ...rest })
  const open = { owner: 'a', reason: 'b' }
  assert.ok(access({ public: open }))
  assert.ok(access({ credentials: [{ kind: 'api_key' }], scopes: ['a'] }))
  assert.ok(!access({}))
  assert.ok(!access({ public: open, credentials: [{ kind: 'api_key' }] }))
  assert.ok(!access({ public: open, scopes: ['a'] }))
  assert.ok(!access({ public: { owner: 'a' } }))
  assert.ok(!access({ credentials: [] }))
  assert.ok(!access({ credentials: [{ kind: 'password' }] }))
})

test('an HTTPS policy says what becomes of plain requests, and agrees to a preload list only as that asks', () => {
  const on = { environment: true }
  const accepted = (rest: object): boolean => accepts(policySpec, { type: 'https', on, plain: 'redirect', ...rest })
  assert.ok(accepted({}) && accepted({ port: 8443 }) && accepted({ hsts: { max_age_s: 0 } }))
  assert.ok(accepted({ hsts: { max_age_s: 31_536_000, include_subdomains: true, preload: true } }))
  assert.ok(!accepts(policySpec, { type: 'https', on }), 'nothing is assumed')
  for (const wrong of [
    { plain: 'upgrade' },
    { port: 0 },
    { port: 65_536 },
    { hsts: {} },
    { hsts: { max_age_s: -1 } },
    { hsts: { max_age_s: 1.5 } },
    { hsts: { max_age_s: 31_536_000, preload: true } },
    { hsts: { max_age_s: 86_400, include_subdomains: true, preload: true } },
    { hsts: { max_age_s: 1, colour: 'red' } },
  ]) {
    assert.ok(!accepted(wrong), JSON.stringify(wrong))
  }
})

test('a certificate may ask for a stricter profile and for client certificates, and for nothing unknown', () => {
  const pem = '-----BEGIN CERTIFICATE-----'
  const base = { hosts: ['a.test'], chain: pem, key: 'env://KEY' }
  const accepted = (rest: object): boolean => accepts(certificateSpec, { ...base, ...rest })
  assert.ok(accepted({ profile: 'modern', alternative: { chain: pem, key: 'file:///a' } }))
  assert.ok(accepted({ client_certificates: { mode: 'required', ca: pem } }))
  for (const wrong of [
    { profile: 'old' },
    { alternative: { chain: pem } },
    { client_certificates: { mode: 'required' } },
    { client_certificates: { mode: 'sometimes', ca: pem } },
    { client_certificates: { mode: 'optional', ca: `${pem} PRIVATE KEY` } },
  ]) {
    assert.ok(!accepted(wrong), JSON.stringify(wrong))
  }
})

test('a policy sits at exactly one place', () => {
  const limit = (on: unknown): boolean => accepts(policySpec, { type: 'limit', on, requests: 1, window_ms: 1000 })
  for (const on of [{ environment: true }, { service: 'a' }, { route: 'a' }]) assert.ok(limit(on))
  for (const on of [{}, { environment: false }, { service: 'a', route: 'b' }, { planet: 'a' }, 'environment', null]) {
    assert.ok(!limit(on), JSON.stringify(on))
  }
})

// A field that carries a credential is not forwarded: one of these would break every request.
test('a key is not looked for in a field that has another meaning', () => {
  const header = (name: string): boolean => accepts(apiKeySource, { kind: 'api_key', header: name })
  for (const name of ['x-api-key', 'apikey', 'api-key']) assert.ok(header(name), name)
  const reserved =
    'host connection content-length transfer-encoding te upgrade authorization cookie forwarded x-forwarded-for'
  for (const name of [...reserved.split(' '), 'X-Api-Key', 'a b', '']) assert.ok(!header(name), name)
})

test('unknown fields are refused by every kind', () => {
  for (const [name, schema] of Object.entries(kinds)) {
    const result = schema.safeParse({ colour: 'red' })
    const codes = result.error?.issues.map(({ code }) => code) ?? []
    // A policy is told apart by its type before anything else is looked at.
    assert.ok(codes.includes(name === 'policy' ? 'invalid_union' : 'unrecognized_keys'), name)
  }
  assert.ok(!accepts(policySpec, { type: 'limit', on: { route: 'a' }, requests: 1, window_ms: 1000, colour: 'red' }))
  assert.ok(!accepts(routeSpec, { service: 'a', path: '/', colour: 'red' }))
})

test('only names in the table are kinds', () => {
  for (const name of kindNames) assert.ok(isKind(name))
  for (const name of ['', 'Service', 'constructor', '__proto__', 'toString']) assert.ok(!isKind(name), name)
})

test('no pattern of a name takes long for a hostile text', () => {
  const start = performance.now()
  for (const schema of [objectName, scopeName, hostPattern, secretReference, pathPattern]) {
    for (const piece of ['a', 'a.', 'a-', '/a', '/{a', '*.', 'env://']) schema.safeParse(`${piece.repeat(50_000)}!`)
  }
  assert.ok(performance.now() - start < 5_000)
})

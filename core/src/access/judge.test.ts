import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Facts, Principal } from '#core/decision.ts'
import { alice, facts, type Fields } from '#core/fakes/request.ts'
import type { CompiledAccess, CompiledConditions } from '#core/release.ts'
import { effectiveScopes, lackingAccess } from './judge.ts'
import { compileTimeWindow, weekdays } from './times.ts'

const NOON_MS = Date.parse('2026-06-01T12:00:00Z')

function access(conditions: Partial<CompiledConditions> | null, scopes: readonly string[] = []): CompiledAccess {
  const none = { scopesAny: [], roles: [], consumers: [], times: [], expression: null }
  return {
    policy: 'p',
    origin: '',
    from: 'route',
    public: null,
    sources: { kinds: [], apiKeyHeaders: [], apiKeyQuery: [], tokens: [], certificate: null, signature: null },
    scopes,
    addresses: null,
    conditions: conditions === null ? null : { ...none, ...conditions },
  }
}

function lacking(
  policy: CompiledAccess,
  principal: Principal | null,
  request: Facts = facts(),
): readonly [reason: string, needed: readonly string[], had: readonly string[]] | null {
  const scopes = effectiveScopes(principal, new Map([['reader', ['orders:read', 'orders:list']]]))
  const found = lackingAccess(policy, request, principal, scopes, () => NOON_MS)
  return found === null ? null : [found.reason, found.details.needed ?? [], found.details.had ?? []]
}

const bare: Principal = { ...alice, scopes: [] }
const reader: Principal = { ...bare, roles: ['reader', 'unheard-of'] }

test('roles add scopes to those of the credential, each once; unknown roles add none', () => {
  const roles = new Map([['reader', ['orders:read', 'orders:list']]])
  assert.deepEqual(effectiveScopes({ ...alice, roles: ['reader', 'ghost', 'constructor'] }, roles), [
    'orders:write',
    'orders:read',
    'orders:list',
  ])
  assert.deepEqual(effectiveScopes(null, roles), [])
  // The usual request makes no list.
  assert.equal(effectiveScopes(alice, roles), alice.scopes)
})

test('all scopes are needed, one of scopes_any is enough', () => {
  assert.equal(lacking(access(null, ['orders:read']), reader), null)
  assert.deepEqual(lacking(access(null, ['orders:list', 'orders:write']), reader), [
    'scope_missing',
    ['orders:list', 'orders:write'],
    ['orders:list', 'orders:read'],
  ])
  assert.equal(lacking(access({ scopesAny: ['a', 'orders:read'] }), reader), null)
  assert.deepEqual(lacking(access({ scopesAny: ['a', 'b'] }), reader), [
    'scope_missing',
    ['a', 'b'],
    ['orders:list', 'orders:read'],
  ])
})

test('one of the roles is needed', () => {
  assert.equal(lacking(access({ roles: ['admin', 'reader'] }), reader), null)
  assert.deepEqual(lacking(access({ roles: ['admin'] }), reader), ['role_missing', ['admin'], ['reader', 'unheard-of']])
  assert.deepEqual(lacking(access({ roles: ['admin'] }), bare), ['role_missing', ['admin'], []])
})

test('only consumers that are named may call', () => {
  assert.equal(lacking(access({ consumers: ['alice'] }), bare), null)
  assert.deepEqual(lacking(access({ consumers: ['bob'] }), bare), ['consumer_not_allowed', ['bob'], ['alice']])
})

// Guards against an issuer that names its callers as it likes.
test('who is no consumer here is not one by being called like it', () => {
  const stranger = { ...bare, consumerId: '' }
  assert.equal(lacking(access({ consumers: ['alice'] }), stranger)?.[0], 'consumer_not_allowed')
})

test('outside of the times nobody passes, and is told both', () => {
  const at = (from: string, to: string) => [compileTimeWindow({ days: weekdays, from, to, zone: 'UTC' })]
  assert.equal(lacking(access({ times: at('11:00', '13:00') }), bare), null)
  assert.deepEqual(lacking(access({ times: at('13:00', '14:00') }), bare), [
    'time_not_allowed',
    ['13:00-14:00 UTC'],
    ['2026-06-01T12:00:00.000Z'],
  ])
})

const expression = (text: string, principal: Principal | null, request?: Facts) =>
  lacking(access({ expression: text }), principal, request)?.[0] ?? null
const withFields = (fields: Fields): Facts => facts({}, fields)

test('an expression sees the caller as it counts: with the scopes of its roles', () => {
  assert.equal(expression('"orders:list" in principal.scopes && "reader" in principal.roles', reader), null)
  assert.equal(expression('principal.consumer == "alice" && principal.credential_kind == "api_key"', bare), null)
  assert.equal(expression('principal.consumer == "bob"', bare), 'expression_denied')
})

test('an expression over claims that are not there cannot be said, unless it asks first', () => {
  assert.equal(expression('claims.tenant == "acme"', bare), 'expression_failed')
  assert.equal(expression('has(claims.tenant) && claims.tenant == "acme"', bare), 'expression_denied')
  assert.equal(expression('!has(claims.tenant)', bare), null)
  const claims = { tenant: 'acme' }
  assert.equal(expression('claims.tenant == "acme"', { ...bare, claims }), null)
})

test('an expression over a caller that nobody knows cannot be said', () => {
  assert.equal(expression('principal.consumer == ""', null), 'expression_failed')
  assert.equal(expression('request.method == "GET"', null), null)
})

test('an expression reads header fields by their names, in any case', () => {
  const acme = withFields({ 'x-tenant': 'acme' })
  assert.equal(expression('request.headers["X-Tenant"] == "acme"', bare, acme), null)
  assert.equal(expression('"x-tenant" in request.headers', bare, acme), null)
  assert.equal(expression('has(request.headers.accept)', bare, acme), 'expression_denied')
  assert.equal(expression('request.headers["accept"] == "a"', bare, acme), 'expression_failed')
})

// Guards against a second field that the service might read.
test('fields of one name are one text, so that one of two is not taken for both', () => {
  const two = withFields({ 'x-tenant': ['acme', 'evil'] })
  assert.equal(expression('request.headers["x-tenant"] == "acme"', bare, two), 'expression_denied')
  assert.equal(expression('request.headers["x-tenant"] == "acme, evil"', bare, two), null)
})

test('names of the prototype are names of fields like all others', () => {
  assert.equal(expression('"constructor" in request.headers', bare), 'expression_denied')
  assert.equal(expression('request.headers["constructor"] == "x"', bare, withFields({ constructor: 'x' })), null)
  assert.equal(expression('has(claims.constructor) || has(claims.toString)', bare), 'expression_denied')
})

test('conditions are all needed, and the first that is lacking is told', () => {
  const all = access({ scopesAny: ['a'], roles: ['admin'], consumers: ['bob'], expression: 'false' }, ['b'])
  assert.deepEqual(lacking(all, { ...bare, scopes: [] })?.slice(0, 2), ['scope_missing', ['b']])
  assert.equal(lacking(all, { ...bare, scopes: ['a', 'b'] })?.[0], 'role_missing')
  assert.equal(lacking(all, { ...bare, scopes: ['a', 'b'], roles: ['admin'] })?.[0], 'consumer_not_allowed')
})

test('an expression that cannot be compiled refuses', () => {
  assert.equal(expression('nobody.checked(this)', bare), 'expression_failed')
})

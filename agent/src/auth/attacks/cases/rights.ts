/**
 * Tokens that want more rights than their issuer gave them.
 *
 * Sources: RFC 6749 section 3.3 (scopes have no spaces), RFC 8693 section 4.2, RFC 9068 section 2.2.3.
 *
 * @module
 */
import { type Attack, admitted, bearer, keyed, refused } from '#agent/auth/attacks/attack.ts'
import { tokenWith } from '#agent/auth/attacks/testing/forge.ts'
import { keys } from '#agent/auth/attacks/testing/people.ts'

const scopes: readonly unknown[] = [
  'orders:read',
  '',
  'ADMIN',
  'adm',
  'administrator',
  'orders:read,admin',
  'orders:read;admin',
  'orders:read\tadmin',
  'orders:read\nadmin',
  'orders:read\u00a0admin',
  'orders:read\u2028admin',
  '"admin"',
  '*',
  'admin\u0000',
  '\u0430dmin',
  ['orders:read admin'],
  ['orders:read', 'admin '],
  ['orders:read\tadmin'],
  undefined,
]

const noScopes: readonly unknown[] = [
  { admin: true },
  { 0: 'admin', length: 1 },
  [['admin']],
  ['admin', 1],
  ['admin', null],
  1,
  true,
  null,
]

export const rights: readonly Attack[] = [
  admitted('the scope among the words of a text', () => bearer(tokenWith({ scope: 'orders:read  admin' }), '/admin')),
  admitted('the scope in a list', () => bearer(tokenWith({ scope: ['admin'] }), '/admin')),
  ...scopes.map((scope) =>
    refused(`a token with the scope ${JSON.stringify(scope)} where admin is needed`, 'scope_missing', () =>
      bearer(tokenWith({ scope }), '/admin'),
    ),
  ),
  ...noScopes.map((scope) =>
    refused(`a token with the scope ${JSON.stringify(scope)}`, 'token_claims_invalid', () =>
      bearer(tokenWith({ scope }), '/admin'),
    ),
  ),
  refused('a scope in claims that are not the issuer’s claim of scopes', 'scope_missing', () =>
    bearer(tokenWith({ scopes: 'admin', scp: ['admin'], permissions: ['admin'], authorities: ['admin'] }), '/admin'),
  ),
  refused('a role that gives the scope, where the issuer names no roles,', 'scope_missing', () =>
    bearer(tokenWith({ roles: ['boss'], role: 'boss', groups: ['boss'] }), '/admin'),
  ),
  refused('a role where one is needed and the issuer names no roles', 'role_missing', () =>
    bearer(tokenWith({ roles: ['boss'], realm_access: { roles: ['boss'] } }), '/bosses'),
  ),
  refused('a key whose scopes are one text', 'scope_missing', () => keyed(keys.joined, '/key-admin')),
  admitted('a key with the scope', () => keyed(keys.admin, '/key-admin')),
]

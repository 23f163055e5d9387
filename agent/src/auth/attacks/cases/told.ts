/**
 * What callers want a service to be told about them, in fields that the agent writes and in claims that it reads.
 *
 * Sources: RFC 9110 section 5.5 (what a field can hold), CWE-113 (line ends that make a field), CWE-290 (a name that is
 * believed).
 *
 * @module
 */
import { type Attack, admitted, bearer, type Field, refused } from '#agent/auth/attacks/attack.ts'
import { tokenWith } from '#agent/auth/attacks/testing/forge.ts'

/** What a caller writes into fields of the agent's. Must not arrive, so it is kept with what is secret. */
const LIE = 'mallory@evil.test'

const withFields = (claims: Record<string, unknown>, ...fields: readonly Field[]): Attack['request'] => {
  return () => {
    const text = tokenWith(claims)
    const request = bearer(text, '/told')
    return { ...request, fields: [...request.fields, ...fields], secrets: [text, LIE] }
  }
}

const claims: readonly (readonly [name: string, email: string])[] = [
  ['a line end', 'a@b.test\r\nx-admin: 1'],
  ['half a line end', 'a@b.test\nx-admin: 1'],
  ['the other half', 'a@b.test\rx-admin: 1'],
  ['a zero byte', 'a@b.test\u0000'],
  ['a letter whose last byte is a line end', 'a@b.test\u010a\u010dx-admin: 1'],
  ['a letter beyond ASCII', 'm\u00fcller@b.test'],
  ['blanks around it', ' a@b.test '],
  ['nothing in it', ''],
]

export const told: readonly Attack[] = [
  admitted('a token with a claim that the service is told', () => bearer(tokenWith({ email: 'a@b.test' }), '/told')),
  admitted('a claim that is no text, told as JSON,', () => bearer(tokenWith({ email: ['a\r\nx-admin: 1'] }), '/told')),
  ...claims.map(([name, email]) =>
    refused(`a claim with ${name}`, 'upstream_identity_invalid', () => bearer(tokenWith({ email }), '/told')),
  ),
  admitted('a caller who says such a claim by itself, which does not arrive,', withFields({}, ['x-email', LIE])),
  admitted(
    'a caller who says a claim beside the one of its token, which does not arrive,',
    withFields({ email: 'a@b.test' }, ['X-Email', LIE], ['x-email', LIE], ['x_email', LIE]),
  ),
  admitted('a caller who says that it has more scopes, which do not arrive,', withFields({}, ['x-scopes', LIE])),
  admitted(
    'a caller who brings an identity token of its own, which does not arrive,',
    withFields({}, ['x-headgate-identity', LIE]),
  ),
]

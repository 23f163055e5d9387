/**
 * Bound tokens without what they are bound to, and bindings that are none.
 *
 * Sources: RFC 7800 section 3, RFC 8705 section 3, RFC 9449 section 6 and 7.2, RFC 9700 section 2.2.1.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { type Attack, admitted, bearer, plain, refused, withProof } from '#agent/auth/attacks/attack.ts'
import { holder, jwkOf, proof, stranger, thumbprintOf, tokenWith } from '#agent/auth/attacks/testing/forge.ts'
import { clients } from '#agent/auth/attacks/testing/people.ts'

const UNBOUND = 'credential_unbound'

const jkt = thumbprintOf(holder)
const sha256Of = (pem: string): string => {
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  return hash('sha256', der, 'base64url')
}

const bindings: readonly (readonly [name: string, cnf: () => unknown])[] = [
  ['nothing', () => ({})],
  ['null', () => null],
  ['a list', () => [{ jkt }]],
  ['a text', () => jkt],
  ['an empty name of a key', () => ({ jkt: '' })],
  ['a list of names of keys', () => ({ jkt: [jkt] })],
  ['a key and a certificate', () => ({ jkt, 'x5t#S256': sha256Of(clients.acme.cert) })],
  ['a key and what nobody knows', () => ({ jkt, osc: 'x' })],
  ['what nobody knows', () => ({ osc: 'x' })],
  ['a name as a prototype has it', () => ({ constructor_: jkt })],
  ['a key as it is', () => ({ jwk: jwkOf(holder) })],
  ['the name of a key', () => ({ kid: 'holder' })],
  ['the older thumbprint of a certificate', () => ({ x5t: sha256Of(clients.acme.cert) })],
]

const proven = (cnf: unknown): ReturnType<typeof withProof> => {
  const token = tokenWith({ cnf })
  return withProof(token, proof(token))
}

export const bindingsOfTokens: readonly Attack[] = [
  admitted('a token that is bound to a key, with its proof,', () => proven({ jkt })),
  ...bindings.map(([name, cnf]) => refused(`a token that is bound to ${name}`, UNBOUND, () => proven(cnf()))),
  ...bindings.map(([name, cnf]) =>
    refused(`a token that is bound to ${name}, taken for one that is not bound,`, UNBOUND, () =>
      bearer(tokenWith({ cnf: cnf() })),
    ),
  ),
  refused('a token of a key as a bearer token', UNBOUND, () => bearer(tokenWith({ cnf: { jkt } }), '/dpop')),
  refused('a token of a key as a bearer token, beside a proof,', UNBOUND, () => {
    const token = tokenWith({ cnf: { jkt } })
    return bearer(token, '/dpop', {
      fields: [
        ['authorization', `Bearer ${token}`],
        ['dpop', proof(token)],
      ],
    })
  }),
  refused('a token of a key without a proof', UNBOUND, () => {
    const token = tokenWith({ cnf: { jkt } })
    return plain('/dpop', [['authorization', `DPoP ${token}`]], [token])
  }),
  refused('a token that is not bound, with a proof,', UNBOUND, () => {
    const token = tokenWith({})
    return withProof(token, proof(token))
  }),
  refused('a token that is not bound where it must be', UNBOUND, () => bearer(tokenWith({}), '/bound')),
  refused('a token of somebody else’s key', 'proof_invalid', () => {
    const token = tokenWith({ cnf: { jkt: thumbprintOf(stranger) } })
    return withProof(token, proof(token))
  }),
  refused('a thumbprint in other letters', 'proof_invalid', () => {
    const token = tokenWith({ cnf: { jkt: jkt.toLowerCase() } })
    return withProof(token, proof(token))
  }),
  refused('a thumbprint with padding', 'proof_invalid', () => {
    const token = tokenWith({ cnf: { jkt: `${jkt}=` } })
    return withProof(token, proof(token))
  }),
  refused('a token of a certificate in clear', UNBOUND, () =>
    bearer(tokenWith({ cnf: { 'x5t#S256': sha256Of(clients.acme.cert) } })),
  ),
  refused('a token of a certificate with its text in a field', UNBOUND, () =>
    bearer(tokenWith({ cnf: { 'x5t#S256': sha256Of(clients.acme.cert) } }), '/jwt', {
      fields: [
        ['authorization', `Bearer ${tokenWith({ cnf: { 'x5t#S256': sha256Of(clients.acme.cert) } })}`],
        ['x-forwarded-client-cert', encodeURIComponent(clients.acme.cert)],
        ['client-cert', `:${Buffer.from(clients.acme.cert).toString('base64')}:`],
        ['ssl-client-verify', 'SUCCESS'],
      ],
    }),
  ),
  refused('a token of one certificate over a connection with another', UNBOUND, () =>
    bearer(tokenWith({ cnf: { 'x5t#S256': sha256Of(clients.acme.cert) } }), '/jwt', { certificate: clients.globex }),
  ),
  refused('a token of a certificate over a connection without one', UNBOUND, () =>
    bearer(tokenWith({ cnf: { 'x5t#S256': sha256Of(clients.acme.cert) } }), '/jwt', { certificate: clients.none }),
  ),
  refused('a token of a certificate by DPoP', UNBOUND, () => {
    const token = tokenWith({ cnf: { 'x5t#S256': sha256Of(clients.acme.cert) } })
    return { ...withProof(token, proof(token)), certificate: clients.acme }
  }),
  refused('the thumbprint of a certificate in hexadecimal', UNBOUND, () => {
    const hex = Buffer.from(sha256Of(clients.acme.cert), 'base64url').toString('hex')
    return bearer(tokenWith({ cnf: { 'x5t#S256': hex } }), '/jwt', { certificate: clients.acme })
  }),
  admitted('a token of a certificate over a connection with it', () =>
    bearer(tokenWith({ cnf: { 'x5t#S256': sha256Of(clients.acme.cert) } }), '/jwt', { certificate: clients.acme }),
  ),
]

/**
 * Proofs of a key that prove something else.
 *
 * Sources: RFC 9449 section 4.2, 4.3, 7 and 11.
 *
 * @module
 */
import { generateKeyPairSync, hash, randomUUID } from 'node:crypto'
import { type Attack, type AttackRequest, admitted, plain, refused, withProof } from '#agent/auth/attacks/attack.ts'
import {
  by,
  encode,
  goodHeader,
  holder,
  jwkOf,
  nowS,
  type Pair,
  proof,
  slowPair,
  stranger,
  thumbprintOf,
  token,
  tokenWith,
} from '#agent/auth/attacks/testing/forge.ts'

const INVALID = 'proof_invalid'
const jkt = thumbprintOf(holder)
const bound = (): string => tokenWith({ cnf: { jkt } })

/** A request with a token that is bound, and a proof of that kind. */
function asked(make: (token: string) => string, target = '/dpop'): AttackRequest {
  const text = bound()
  return withProof(text, make(text), target)
}

const claims: readonly (readonly [name: string, claims: () => Record<string, unknown>])[] = [
  ['for another method', () => ({ htm: 'POST' })],
  ['for the method in small letters', () => ({ htm: 'get' })],
  ['for every method', () => ({ htm: '*' })],
  ['for a list of methods', () => ({ htm: ['GET'] })],
  ['for no method', () => ({ htm: undefined })],
  ['for another host', () => ({ htu: 'http://evil.test/dpop' })],
  ['for a host that begins alike', () => ({ htu: 'http://api.test.evil.test/dpop' })],
  ['for a host behind a name', () => ({ htu: 'http://api.test@evil.test/dpop' })],
  ['with a name in front of the host', () => ({ htu: 'http://x@api.test/dpop' })],
  ['for HTTPS', () => ({ htu: 'https://api.test/dpop' })],
  ['for another path', () => ({ htu: 'http://api.test/jwt' })],
  ['for a path below', () => ({ htu: 'http://api.test/dpop/1' })],
  ['for a path with a slash more', () => ({ htu: 'http://api.test/dpop/' })],
  ['for the path in capitals', () => ({ htu: 'http://api.test/DPOP' })],
  ['for a path that leads away', () => ({ htu: 'http://api.test/dpop/../jwt' })],
  ['for a path only', () => ({ htu: '/dpop' })],
  ['for a list of addresses', () => ({ htu: ['http://api.test/dpop'] })],
  ['for no address', () => ({ htu: undefined })],
  ['for another token', () => ({ ath: hash('sha256', 'other', 'base64url') })],
  ['for the token in hexadecimal', () => ({ ath: hash('sha256', 'other', 'hex') })],
  ['for no token', () => ({ ath: undefined })],
  ['of two minutes ago', () => ({ iat: nowS() - 120 })],
  ['of tomorrow', () => ({ iat: nowS() + 86_400 })],
  ['of in two minutes', () => ({ iat: nowS() + 120 })],
  ['without a time', () => ({ iat: undefined })],
  ['with a time in a text', () => ({ iat: String(nowS()) })],
  ['with a time in milliseconds', () => ({ iat: nowS() * 1_000 })],
  ['without a name', () => ({ jti: undefined })],
  ['with an empty name', () => ({ jti: '' })],
  ['with a number for a name', () => ({ jti: 1 })],
  ['with a list for a name', () => ({ jti: ['a'] })],
  ['with a name of three hundred letters', () => ({ jti: 'j'.repeat(300) })],
]

const headers: readonly (readonly [name: string, header: () => Record<string, unknown>])[] = [
  ['without a key', () => ({ jwk: undefined })],
  ['with null for a key', () => ({ jwk: null })],
  ['with a list of keys', () => ({ jwk: [jwkOf(holder)] })],
  ['with a text for a key', () => ({ jwk: JSON.stringify(jwkOf(holder)) })],
  ['with a private key', () => ({ jwk: holder.privateKey.export({ format: 'jwk' }) })],
  ['with a shared secret for a key', () => ({ jwk: { kty: 'oct', k: 'c2VjcmV0' } })],
  ['with a key for encryption', () => ({ jwk: { ...jwkOf(holder), use: 'enc' } })],
  ['with a point that is on no curve', () => ({ jwk: { ...jwkOf(holder), y: jwkOf(holder)['x'] } })],
  ['with the address of a key', () => ({ jku: 'https://evil.test/keys' })],
  ['with a certificate', () => ({ x5c: ['MII'] })],
  ['with an extension that must be understood', () => ({ crit: ['exp'], exp: 1 })],
  ['that is an access token', () => ({ typ: 'at+jwt' })],
  ['that is any token', () => ({ typ: 'JWT' })],
  ['without a type', () => ({ typ: undefined })],
  ['that is not signed', () => ({ alg: 'none' })],
  ['that is signed with a shared secret', () => ({ alg: 'HS256' })],
  ['that is signed for another curve', () => ({ alg: 'ES384' })],
]

const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }) as Pair

function thumbprintOfRsa(pair: Pair): string {
  const { e, kty, n } = jwkOf(pair)
  return hash('sha256', JSON.stringify({ e, kty, n }), 'base64url')
}

function provenByRsa(pair: Pair): AttackRequest {
  const text = tokenWith({ cnf: { jkt: thumbprintOfRsa(pair) } })
  const ath = hash('sha256', text, 'base64url')
  const body = { jti: randomUUID(), htm: 'GET', htu: 'http://api.test/dpop', iat: nowS(), ath }
  return withProof(text, token({ alg: 'RS256', typ: 'dpop+jwt', jwk: jwkOf(pair) }, body, by.rsa(pair)))
}

const usual = generateKeyPairSync('rsa', { modulusLength: 2_048 }) as Pair

export const proofs: readonly Attack[] = [
  admitted('a proof as it is meant', () => asked((text) => proof(text))),
  admitted('a proof for an address with its usual port, a query and other letters,', () =>
    asked((text) => proof(text, { htu: 'http://API.test:80/dpop?a=b#c' }), '/dpop?x=1'),
  ),
  admitted('a proof by a key of RSA', () => provenByRsa(usual)),
  admitted('a proof with the name of its key', () => asked((text) => proof(text, {}, { kid: 'mine' }))),
  ...claims.map(([name, changed]) =>
    refused(`a proof ${name}`, INVALID, () => asked((text) => proof(text, changed()))),
  ),
  ...headers.map(([name, changed]) =>
    refused(`a proof ${name}`, INVALID, () => asked((text) => proof(text, {}, changed()))),
  ),
  refused('a proof that is used twice', 'proof_replayed', () => {
    const request = asked((text) => proof(text))
    return { ...request, before: request }
  }),
  refused('the name of a proof that is used twice', 'proof_replayed', () => {
    const [first, second] = [0, 1].map(() => asked((text) => proof(text, { jti: 'the-same' })))
    if (first === undefined || second === undefined) throw new Error('both were made')
    return { ...second, before: first }
  }),
  refused('a proof by a key of nobody', INVALID, () => asked((text) => proof(text, {}, {}, stranger))),
  refused('a proof by a key of nobody that brings the right one', INVALID, () =>
    asked((text) => proof(text, {}, { jwk: jwkOf(holder) }, stranger)),
  ),
  refused('a proof with a shared secret that is the public key', INVALID, () =>
    asked((text) => {
      const body = {
        jti: 'h',
        htm: 'GET',
        htu: 'http://api.test/dpop',
        iat: nowS(),
        ath: hash('sha256', text, 'base64url'),
      }
      const secret = holder.publicKey.export({ type: 'spki', format: 'pem' })
      return token({ alg: 'HS256', typ: 'dpop+jwt', jwk: jwkOf(holder) }, body, by.hmac(secret))
    }),
  ),
  refused('a proof by a key that is too short', INVALID, () => provenByRsa(weak)),
  // A right signature, and a check of it takes some hundred times as long as usual.
  refused('a proof by a key whose exponent is as long as its modulus', INVALID, () => provenByRsa(slowPair())),
  refused('a proof with a wrong signature', INVALID, () => asked((text) => proof(text).replace(/.{8}$/, 'AAAAAAAA'))),
  refused('a proof with two members of one name', INVALID, () =>
    asked((text) => {
      const ath = hash('sha256', text, 'base64url')
      const body = `{"jti":"d","htm":"POST","htm":"GET","htu":"http://api.test/dpop","iat":${nowS()},"ath":"${ath}"}`
      return token({ alg: 'ES256', typ: 'dpop+jwt', jwk: jwkOf(holder) }, body, by.ecdsa(holder))
    }),
  ),
  refused('the access token for a proof', INVALID, () => asked((text) => text)),
  refused('a proof that is rubbish', INVALID, () => asked(() => 'rubbish-rubbish-rubbish')),
  refused('a proof that is a header only', INVALID, () => asked(() => `${encode(goodHeader)}..`)),
  refused('two proofs in two fields', INVALID, () => {
    const text = bound()
    const [first, second] = [proof(text), proof(text)]
    return plain(
      '/dpop',
      [
        ['authorization', `DPoP ${text}`],
        ['dpop', first],
        ['dpop', second],
      ],
      [text, first, second],
    )
  }),
  refused('two proofs in one field', INVALID, () => asked((text) => `${proof(text)}, ${proof(text)}`)),
  refused('a proof for a request with another method', INVALID, () => ({
    ...asked((text) => proof(text)),
    method: 'DELETE',
  })),
]

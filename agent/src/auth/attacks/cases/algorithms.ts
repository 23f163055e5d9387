/**
 * Who says how a token is signed: its issuer's object, never the token.
 *
 * Sources: RFC 8725 section 3.1 and 3.2, RFC 7518 section 3.1, CVE-2015-9235 and CVE-2016-10555 (a public key taken for a
 * secret), CVE-2020-15084 (algorithms that the token chooses).
 *
 * @module
 */
import { type Attack, admitted, bearer, refused } from '#agent/auth/attacks/attack.ts'
import {
  by,
  byIssuer,
  byStranger,
  encode,
  goodClaims,
  goodHeader,
  issuerKeys,
  jwkOf,
  OTHER_ISSUER,
  otherIssuerKey,
  token,
  tokenUnder,
  tokenWith,
} from '#agent/auth/attacks/testing/forge.ts'

const { es, es384, rs, ed } = issuerKeys

const spellings = ['none', 'None', 'NONE', 'nOnE', 'none ', ' none', '\uff4eone', 'no\u0000ne', ''] as const

const unsigned: readonly Attack[] = spellings.map((alg) =>
  refused(`an unsigned token by ${JSON.stringify(alg)}`, 'token_algorithm_not_allowed', () =>
    bearer(`${encode({ ...goodHeader, alg })}.${encode(goodClaims())}.`),
  ),
)

/** Every form in which a public key may have got into somebody's "secret". */
const secrets: readonly (readonly [form: string, secret: () => string | Buffer, kid: string])[] = [
  ['the public key of RSA in PEM', () => rs.publicKey.export({ type: 'spki', format: 'pem' }), 'rs'],
  [
    'the public key in PEM without a line feed',
    () => rs.publicKey.export({ type: 'spki', format: 'pem' }).trim(),
    'rs',
  ],
  ['the public key of RSA in PKCS #1', () => rs.publicKey.export({ type: 'pkcs1', format: 'pem' }), 'rs'],
  ['the public key of RSA in DER', () => rs.publicKey.export({ type: 'spki', format: 'der' }), 'rs'],
  ['the public key as a JWK', () => JSON.stringify({ ...jwkOf(rs), kid: 'rs' }), 'rs'],
  ['the modulus', () => Buffer.from(String(jwkOf(rs)['n']), 'base64url'), 'rs'],
  ['the public key of a curve in PEM', () => es.publicKey.export({ type: 'spki', format: 'pem' }), 'es'],
  ['the public key of a curve in DER', () => es.publicKey.export({ type: 'spki', format: 'der' }), 'es'],
  ['the bytes of an Ed25519 key', () => Buffer.from(String(jwkOf(ed)['x']), 'base64url'), 'ed'],
  ['nothing', () => '', 'es'],
  ['the word secret', () => 'secret', 'es'],
]

const confused: readonly Attack[] = secrets.map(([form, secret, kid]) =>
  refused(`a token by HS256 with ${form} for a secret`, 'token_algorithm_not_allowed', () =>
    bearer(tokenUnder({ alg: 'HS256', kid }, by.hmac(secret()))),
  ),
)

export const algorithms: readonly Attack[] = [
  admitted('a token by ES256', () => bearer(tokenWith({}))),
  admitted('a token by RS256', () => bearer(tokenUnder({ alg: 'RS256', kid: 'rs' }, by.rsa(rs)))),
  admitted('a token by PS256', () => bearer(tokenUnder({ alg: 'PS256', kid: 'rs' }, by.pss(rs)))),
  admitted('a token by EdDSA', () => bearer(tokenUnder({ alg: 'EdDSA', kid: 'ed' }, by.eddsa(ed)))),
  ...unsigned,
  refused('a token by none that has a signature', 'token_algorithm_not_allowed', () =>
    bearer(tokenUnder({ alg: 'none' })),
  ),
  ...confused,
  refused('a token by HS384 with the public key', 'token_algorithm_not_allowed', () =>
    bearer(tokenUnder({ alg: 'HS384' }, by.hmac(es.publicKey.export({ type: 'spki', format: 'pem' }), 'sha384'))),
  ),
  refused('a token by HS512 with the public key', 'token_algorithm_not_allowed', () =>
    bearer(tokenUnder({ alg: 'HS512' }, by.hmac(es.publicKey.export({ type: 'spki', format: 'pem' }), 'sha512'))),
  ),
  ...['es256', 'ES256 ', 'ES256K', 'RSA1_5', 'dir', 'PBES2-HS256+A128KW', 'ES256\u0000', 'EcDSA'].map((alg) =>
    refused(`an algorithm called ${JSON.stringify(alg)}`, 'token_algorithm_not_allowed', () =>
      bearer(tokenUnder({ alg })),
    ),
  ),
  refused('a right signature by an algorithm that the issuer may not use', 'token_algorithm_not_allowed', () =>
    bearer(tokenUnder({ alg: 'ES384', kid: 'es384' }, by.ecdsa(es384, 'sha384'))),
  ),
  refused('RS512 where RS256 is allowed', 'token_algorithm_not_allowed', () =>
    bearer(tokenUnder({ alg: 'RS512', kid: 'rs' }, by.rsa(rs, 'sha512'))),
  ),
  refused('RSA under the name of a key on a curve', 'token_key_unknown', () =>
    bearer(tokenUnder({ alg: 'RS256', kid: 'es' }, by.rsa(rs))),
  ),
  refused('ES256 under the name of a key of RSA', 'token_key_unknown', () => bearer(tokenUnder({ kid: 'rs' }))),
  refused('ES256 under the name of a key on another curve', 'token_key_unknown', () =>
    bearer(tokenUnder({ kid: 'es384' }, by.ecdsa(es384))),
  ),
  refused('EdDSA under the name of a key for ES256', 'token_key_unknown', () =>
    bearer(tokenUnder({ alg: 'EdDSA', kid: 'es' }, by.eddsa(ed))),
  ),
  refused('PKCS #1 that passes for PSS', 'token_signature_invalid', () =>
    bearer(tokenUnder({ alg: 'PS256', kid: 'rs' }, by.rsa(rs))),
  ),
  refused('PSS that passes for PKCS #1', 'token_signature_invalid', () =>
    bearer(tokenUnder({ alg: 'RS256', kid: 'rs' }, by.pss(rs))),
  ),
  refused('PSS with a salt of another length', 'token_signature_invalid', () =>
    bearer(tokenUnder({ alg: 'PS256', kid: 'rs' }, by.pss(rs, 0))),
  ),
  admitted('a token that names no key, by a key of its issuer', () => bearer(tokenUnder({ kid: undefined }))),
  refused('a token that names no key, by a key of nobody', 'token_signature_invalid', () =>
    bearer(tokenUnder({ kid: undefined }, byStranger)),
  ),
  refused('a token by a key of nobody', 'token_signature_invalid', () => bearer(tokenUnder({}, byStranger))),
  // Two issuers may name their keys alike; a name belongs to its issuer.
  refused('a token by the key of another issuer that has the same name', 'token_signature_invalid', () =>
    bearer(tokenUnder({}, by.ecdsa(otherIssuerKey)), '/both'),
  ),
  refused('a token of another issuer by the key of this one', 'token_signature_invalid', () =>
    bearer(token(goodHeader, goodClaims({ iss: OTHER_ISSUER }), byIssuer), '/both'),
  ),
  admitted('a token of the other issuer by its own key', () =>
    bearer(token(goodHeader, goodClaims({ iss: OTHER_ISSUER }), by.ecdsa(otherIssuerKey)), '/both'),
  ),
  refused('a token of an issuer that the route does not accept', 'token_issuer_unknown', () =>
    bearer(token(goodHeader, goodClaims({ iss: OTHER_ISSUER }), by.ecdsa(otherIssuerKey))),
  ),
]

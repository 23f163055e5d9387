/**
 * Signatures that are wrong as numbers, or written in another way.
 *
 * Sources: RFC 7515 appendix A.3, RFC 7518 section 3.4, RFC 8032 section 5.1.7, CVE-2022-21449 (zeros that count),
 * SEC 1 section 4.1.4.
 *
 * @module
 */
import { type Attack, admitted, bearer, refused } from '#agent/auth/attacks/attack.ts'
import { by, goodHeader, issuerKeys, tokenSigned, tokenUnder, tokenWith } from '#agent/auth/attacks/testing/forge.ts'

/** Order of P-256, and of the group of Ed25519. */
const N = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const L = 2n ** 252n + 27742317777372353535851937790883648493n

const bytes32 = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
const numberOf = (part: Buffer): bigint => BigInt(`0x${part.toString('hex')}`)
const pair = (r: bigint, s: bigint): Buffer => Buffer.concat([bytes32(r), bytes32(s)])
const little = (part: Buffer): Buffer => Buffer.from(part.toReversed())

const r = (signature: Buffer): bigint => numberOf(signature.subarray(0, 32))
const s = (signature: Buffer): bigint => numberOf(signature.subarray(32))

const [rsa, eddsa] = [by.rsa(issuerKeys.rs), by.eddsa(issuerKeys.ed)]
const [rsaHeader, eddsaHeader] = [
  { ...goodHeader, alg: 'RS256', kid: 'rs' },
  { ...goodHeader, alg: 'EdDSA', kid: 'ed' },
]

const numbers: readonly (readonly [name: string, change: (signature: Buffer) => Buffer])[] = [
  ['zero and zero', () => pair(0n, 0n)],
  ['zero and one', () => pair(0n, 1n)],
  ['one and zero', () => pair(1n, 0n)],
  ['one and one', () => pair(1n, 1n)],
  ['r, and zero', (signature) => pair(r(signature), 0n)],
  ['zero, and s', (signature) => pair(0n, s(signature))],
  ['the order twice', () => pair(N, N)],
  ['r, and the order', (signature) => pair(r(signature), N)],
  ['the order, and s', (signature) => pair(N, s(signature))],
  ['the largest numbers', () => pair(2n ** 256n - 1n, 2n ** 256n - 1n)],
  ['s and r the other way round', (signature) => pair(s(signature), r(signature))],
  ['r, and s and one', (signature) => pair(r(signature), (s(signature) + 1n) % N)],
]

export const arithmetic: readonly Attack[] = [
  admitted('a signature of two numbers of 32 bytes', () => bearer(tokenWith({}))),
  // The standard counts (r, n - s) as (r, s). It says the same of the same text, so nobody gains anything: a token is
  // remembered by its whole text, and what is revoked is a consumer or a key, never a token by its signature.
  admitted('the same signature with n - s, as the standard has it,', () =>
    bearer(tokenSigned((signature) => pair(r(signature), N - s(signature)))),
  ),
  ...numbers.map(([name, change]) =>
    refused(`a signature of ${name}`, 'token_signature_invalid', () => bearer(tokenSigned(change))),
  ),
  refused('a signature in the form of X.509', 'token_signature_invalid', () =>
    bearer(tokenUnder({}, by.der(issuerKeys.es))),
  ),
  refused('a signature that is a byte short', 'token_signature_invalid', () =>
    bearer(tokenSigned((signature) => signature.subarray(0, 63))),
  ),
  refused('a signature with a byte more', 'token_signature_invalid', () =>
    bearer(tokenSigned((signature) => Buffer.concat([signature, Buffer.alloc(1)]))),
  ),
  refused('a signature with zeros in front of each number', 'token_signature_invalid', () =>
    bearer(
      tokenSigned((signature) =>
        Buffer.concat([Buffer.alloc(2), signature.subarray(0, 32), Buffer.alloc(2), signature.subarray(32)]),
      ),
    ),
  ),
  refused('a signature of the length of another curve', 'token_signature_invalid', () =>
    bearer(tokenSigned((signature) => Buffer.concat([signature, Buffer.alloc(32)]))),
  ),
  refused('a signature with one bit turned', 'token_signature_invalid', () =>
    bearer(
      tokenSigned((signature) => {
        signature[40] = (signature[40] ?? 0) ^ 1
        return signature
      }),
    ),
  ),
  refused('the signature of another token', 'token_signature_invalid', () => {
    const [header, claims] = tokenWith({}).split('.')
    return bearer(`${header}.${claims}.${tokenWith({}).split('.')[2]}`)
  }),
  refused('an EdDSA signature of zeros', 'token_signature_invalid', () =>
    bearer(tokenSigned(() => Buffer.alloc(64), eddsaHeader, eddsa)),
  ),
  // RFC 8032 section 5.1.7: a number beyond the order would be a second text of the same signature.
  refused('an EdDSA signature with the order added', 'token_signature_invalid', () =>
    bearer(
      tokenSigned(
        (signature) => {
          const sum = numberOf(little(signature.subarray(32))) + L
          return Buffer.concat([signature.subarray(0, 32), little(bytes32(sum))])
        },
        eddsaHeader,
        eddsa,
      ),
    ),
  ),
  refused('an EdDSA signature that was cut off', 'token_signature_invalid', () =>
    bearer(tokenSigned((signature) => signature.subarray(0, 32), eddsaHeader, eddsa)),
  ),
  refused('an RSA signature with a zero in front', 'token_signature_invalid', () =>
    bearer(tokenSigned((signature) => Buffer.concat([Buffer.alloc(1), signature]), rsaHeader, rsa)),
  ),
  refused('an RSA signature of zero', 'token_signature_invalid', () =>
    bearer(tokenSigned(() => Buffer.alloc(256), rsaHeader, rsa)),
  ),
  refused('an RSA signature of one', 'token_signature_invalid', () =>
    bearer(tokenSigned(() => Buffer.concat([Buffer.alloc(255), Buffer.from([1])]), rsaHeader, rsa)),
  ),
  refused('an RSA signature of all ones', 'token_signature_invalid', () =>
    bearer(tokenSigned(() => Buffer.alloc(256, 0xff), rsaHeader, rsa)),
  ),
]

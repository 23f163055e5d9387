/**
 * Makes tokens and proofs of every form, above all those that nobody in good faith makes.
 *
 * Everything is signed when it is used, with keys that were made a moment before: nothing here gets old, and no key of
 * anybody lies in the repository.
 *
 * @module
 */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto'

export interface Pair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export const ecPair = (namedCurve = 'P-256'): Pair => generateKeyPairSync('ec', { namedCurve })

/** Keys of the issuer that is trusted. */
export const issuerKeys = {
  es: ecPair(),
  es384: ecPair('P-384'),
  rs: generateKeyPairSync('rsa', { modulusLength: 2_048 }) as Pair,
  ed: generateKeyPairSync('ed25519') as Pair,
} as const

/** Key of another issuer that is trusted, on other routes. Its name is one of the first issuer's. */
export const otherIssuerKey = ecPair()
/** Key of nobody. */
export const stranger = ecPair()
/** Key of the holder of bound tokens. */
export const holder = ecPair()

export const jwkOf = ({ publicKey }: Pair): Record<string, unknown> => ({ ...publicKey.export({ format: 'jwk' }) })

export const ISSUER = 'https://id.test'
export const OTHER_ISSUER = 'https://other.test'
export const AUDIENCE = 'https://orders.test'

export const nowS = (): number => Math.floor(Date.now() / 1_000)

export const goodHeader = { alg: 'ES256', kid: 'es', typ: 'at+jwt' } as const

/** Claims of a token that is in order, each time of another one. */
export function goodClaims(changed: Record<string, unknown> = {}): Record<string, unknown> {
  const base = { iss: ISSUER, aud: AUDIENCE, exp: nowS() + 300, iat: nowS(), client_id: 'acme', scope: 'orders:read' }
  return { ...base, jti: randomUUID(), ...changed }
}

/** What signs a text. */
export type Signer = (text: string) => Uint8Array

const P1363 = 'ieee-p1363'

export const by = {
  ecdsa:
    ({ privateKey }: Pair, digest = 'sha256'): Signer =>
    (text) =>
      sign(digest, Buffer.from(text), { key: privateKey, dsaEncoding: P1363 }),
  der:
    ({ privateKey }: Pair): Signer =>
    (text) =>
      sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'der' }),
  rsa:
    ({ privateKey }: Pair, digest = 'sha256'): Signer =>
    (text) =>
      sign(digest, Buffer.from(text), privateKey),
  pss:
    ({ privateKey }: Pair, saltLength = 32): Signer =>
    (text) =>
      // Padding 6 is PSS.
      sign('sha256', Buffer.from(text), { key: privateKey, padding: 6, saltLength }),
  eddsa:
    ({ privateKey }: Pair): Signer =>
    (text) =>
      sign(null, Buffer.from(text), privateKey),
  hmac:
    (secret: string | Buffer, digest = 'sha256'): Signer =>
    (text) =>
      createHmac(digest, secret).update(text).digest(),
} as const

export const byIssuer = by.ecdsa(issuerKeys.es)
export const byStranger = by.ecdsa(stranger)

/** Bytes and texts as they are, everything else as JSON. */
export function encode(value: unknown): string {
  const bytes = value instanceof Uint8Array ? value : typeof value === 'string' ? value : JSON.stringify(value)
  return Buffer.from(bytes).toString('base64url')
}

/** A token of any header and claims, which may be texts or bytes. */
export function token(header: unknown, claims: unknown, signer: Signer = byIssuer): string {
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${encode(signer(text))}`
}

/** A token that its issuer made, with other claims. */
export const tokenWith = (changed: Record<string, unknown>): string => token(goodHeader, goodClaims(changed))

/** A token with another header, by whoever. */
export const tokenUnder = (changed: Record<string, unknown>, signer: Signer = byIssuer): string =>
  token({ ...goodHeader, ...changed }, goodClaims(), signer)

/** A token that is in order but for its signature, which is made from the right one. */
export function tokenSigned(
  change: (signature: Buffer) => Uint8Array,
  header: object = goodHeader,
  signer: Signer = byIssuer,
): string {
  return token(header, goodClaims(), (text) => change(Buffer.from(signer(text))))
}

/** RFC 7638, of a key on a curve. */
export function thumbprintOf(pair: Pair): string {
  const { crv, kty, x, y } = jwkOf(pair)
  return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
}

/** A proof of the holder for a token, as it is meant. */
export function proof(
  accessToken: string,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key: Pair = holder,
): string {
  const ath = hash('sha256', accessToken, 'base64url')
  const body = { jti: randomUUID(), htm: 'GET', htu: 'http://api.test/dpop', iat: nowS(), ath, ...claims }
  return token({ alg: 'ES256', typ: 'dpop+jwt', jwk: jwkOf(key), ...header }, body, by.ecdsa(key))
}

/** A key of RSA that is in order but for its public exponent, which is as long as its modulus: each check takes milliseconds. */
export function slowPair(): Pair {
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ format: 'jwk' })
  const [p, q, n] = [numberOf(jwk.p), numberOf(jwk.q), numberOf(jwk.n)]
  const order = (p - 1n) * (q - 1n)
  let e = n
  let d: bigint | null = null
  while (d === null) {
    e -= 2n
    d = inverse(e, order)
  }
  const [dp, dq] = [d % (p - 1n), d % (q - 1n)]
  const made = { ...jwk, e: textOf(e), d: textOf(d), dp: textOf(dp), dq: textOf(dq) }
  return {
    publicKey: createPublicKey({ key: { kty: 'RSA', n: made.n, e: made.e } as never, format: 'jwk' }),
    privateKey: createPrivateKey({ key: made as never, format: 'jwk' }),
  }
}

const numberOf = (text = ''): bigint => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`)

function textOf(value: bigint): string {
  const hex = value.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}

/** By the algorithm of Euclid; null: there is none. */
function inverse(of: bigint, modulus: bigint): bigint | null {
  let [r0, r1, s0, s1] = [modulus, of % modulus, 0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1]
  }
  return r0 === 1n ? ((s0 % modulus) + modulus) % modulus : null
}

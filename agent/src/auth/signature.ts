/**
 * Checks the signature of a token.
 *
 * What is quick is checked at once: handing it to another thread and back costs as much as the check itself, and the
 * usual request stays without a promise. Curves that take longer than a request may hold up others go to the pool.
 *
 * Sources: RFC 7518 section 3.3 to 3.5, RFC 8037 section 3.1.
 *
 * @module
 */
import { constants, type KeyObject, verify, type VerifyKeyObjectInput } from 'node:crypto'
import { type Jws, type SignatureAlgorithm, TOKEN_LENGTH_MAX } from '@headgate/core'
import type { VerificationKey } from '#agent/issuers/key-set.ts'
import { derOfShortEcdsa, SHORT_ECDSA_BYTES } from './ecdsa.ts'

interface Method {
  /** Null: the algorithm has its own. */
  readonly digest: 'sha256' | 'sha384' | 'sha512' | null
  /** Null: there is nothing to say beside the key, which is then taken in the quickest way. */
  readonly options: Omit<VerifyKeyObjectInput, 'key'> | null
  /** Bytes of every signature; 0: that depends on the key. */
  readonly length: number
  readonly isQuick: boolean
}

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING } as const
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } as const
// Two numbers of fixed length, not the form that X.509 has.
const ECDSA = { dsaEncoding: 'ieee-p1363' } as const
const EDDSA: Method = { digest: null, options: null, length: 64, isQuick: true }
/** The signature is brought into the form of X.509 here: doing that takes the library as long as all that we do. */
const ES256: Method = { digest: 'sha256', options: null, length: SHORT_ECDSA_BYTES, isQuick: true }

const methods: Readonly<Record<SignatureAlgorithm, Method>> = {
  RS256: { digest: 'sha256', options: PKCS1, length: 0, isQuick: true },
  RS384: { digest: 'sha384', options: PKCS1, length: 0, isQuick: true },
  RS512: { digest: 'sha512', options: PKCS1, length: 0, isQuick: true },
  PS256: { digest: 'sha256', options: PSS, length: 0, isQuick: true },
  PS384: { digest: 'sha384', options: PSS, length: 0, isQuick: true },
  PS512: { digest: 'sha512', options: PSS, length: 0, isQuick: true },
  ES256,
  ES384: { digest: 'sha384', options: ECDSA, length: 96, isQuick: false },
  ES512: { digest: 'sha512', options: ECDSA, length: 132, isQuick: false },
  EdDSA: EDDSA,
  Ed25519: EDDSA,
}

/** Made once: what is checked at once is written here, and nobody reads it afterwards. */
const scratch = Buffer.alloc(TOKEN_LENGTH_MAX)

/**
 * @param text that the token was read from.
 * @returns false for everything that is not proven. Never throws, never rejects.
 */
export function isSignedBy(text: string, jws: Jws, key: VerificationKey): boolean | Promise<boolean> {
  const { algorithm, signature, signedLength } = jws
  const method = methods[algorithm]
  if (!key.algorithms.has(algorithm) || (method.length !== 0 && signature.length !== method.length)) return false
  if (!method.isQuick) {
    return checkLater(method, Buffer.from(text.slice(0, signedLength), 'latin1'), key.key, signature)
  }
  // A text that was not read here before: it would throw.
  if (signedLength > scratch.length) return false
  const length = scratch.write(text, 0, signedLength, 'latin1')
  const proof = method === ES256 ? derOfShortEcdsa(signature) : signature
  return checkNow(method, scratch.subarray(0, length), key.key, proof)
}

function checkNow({ digest, options }: Method, signed: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  try {
    return verify(digest, signed, options === null ? key : { key, ...options }, signature)
  } catch {
    // Whatever is thrown: it is not proven.
    return false
  }
}

async function checkLater(
  { digest, options }: Method,
  signed: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): Promise<boolean> {
  return await new Promise((resolve) => {
    try {
      verify(digest, signed, { key, ...options }, signature, (error, isSigned) => resolve(error === null && isSigned))
    } catch {
      resolve(false)
    }
  })
}

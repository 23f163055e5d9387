/**
 * Checks the signature of a token, off the event loop.
 *
 * @module
 */
import type { SignatureAlgorithm } from '@headgate/core'
import { compactVerify } from 'jose'
import type { VerificationKey } from '#agent/issuers/key-set.ts'

/** @param text whose form was checked. @returns false for everything that is not proven. */
export async function isSignedBy(text: string, algorithm: SignatureAlgorithm, key: VerificationKey): Promise<boolean> {
  try {
    await compactVerify(text, await key.forAlgorithm(algorithm), { algorithms: [algorithm] })
    return true
  } catch {
    // Whatever is thrown: it is not proven.
    return false
  }
}

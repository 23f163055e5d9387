/**
 * Proves signed requests (HTTP Message Signatures) with the keys of callers. Reading them is for core.
 *
 * Sources: RFC 9421 section 3.2 (verifying), 3.3.3 (HMAC), 3.3.6 (Ed25519).
 *
 * @module
 */
import { createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { judgeSignature, type MessageSignature, type SignatureProblem, type SignatureRules } from '@headgate/core'

/** A key of a caller. */
export type SigningKey =
  | { readonly algorithm: 'hmac-sha256'; readonly secret: Uint8Array }
  | { readonly algorithm: 'ed25519'; readonly publicKey: KeyObject }

/**
 * Judges a signature with the key that it names.
 *
 * @param nowMs wall clock.
 * @returns null: it is proven. Whether it was seen before is asked elsewhere.
 */
export function checkSignature(
  signature: MessageSignature,
  key: SigningKey,
  rules: SignatureRules,
  nowMs: number,
): SignatureProblem | null {
  return judgeSignature(signature, key.algorithm, rules, nowMs) ?? (isSigned(signature, key) ? null : 'signature')
}

function isSigned({ base, signature }: MessageSignature, key: SigningKey): boolean {
  if (key.algorithm === 'ed25519') {
    return signature.length === 64 && verify(null, Buffer.from(base, 'latin1'), key.publicKey, signature)
  }
  const expected = createHmac('sha256', key.secret).update(base, 'latin1').digest()
  return expected.length === signature.length && timingSafeEqual(expected, signature)
}

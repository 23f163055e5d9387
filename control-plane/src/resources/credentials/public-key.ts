/**
 * Public keys that check the signatures of requests.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto'
import { refuseInput } from '#control-plane/rest/refusal.ts'

/** @returns the key in PEM as OpenSSL writes it. @throws Refusal `input_invalid` for what is no Ed25519 public key. */
export function readEd25519(pem: string): string {
  const key = parse(pem)
  if (key?.asymmetricKeyType !== 'ed25519') {
    const fix = 'Give the public part in PEM: openssl pkey -in key.pem -pubout'
    return refuseInput('/public_key', 'value_invalid', 'It is not an Ed25519 public key', fix)
  }
  return key.export({ type: 'spki', format: 'pem' })
}

function parse(pem: string) {
  try {
    return createPublicKey({ key: pem, format: 'pem', type: 'spki' })
  } catch {
    return null
  }
}

/**
 * What a new credential is recognised by: names of a certificate, or a key.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { Cli } from '#cli/cli.ts'
import { usageError } from '#cli/exit.ts'
import { readInput } from '#cli/parse/input.ts'
import { type Identity, type IdentityKind, identityOf, parseIdentity } from './certificate.ts'

export interface ProofOptions {
  readonly certificate?: string
  readonly by?: IdentityKind
  readonly identity?: string
  readonly publicKey?: string
  readonly secretRef?: string
  readonly keyId?: string
}

/** The part of a body that says how the credential is proven. */
export type Proof =
  | { readonly kind: 'certificate'; readonly identity: Identity }
  | {
      readonly kind: 'signing_key'
      readonly key_id: string
      readonly algorithm: 'ed25519'
      readonly public_key: string
    }
  | {
      readonly kind: 'signing_key'
      readonly key_id: string
      readonly algorithm: 'hmac-sha256'
      readonly secret: string
    }

/** @throws CliError unless exactly one thing is given that proves. */
export async function proofOf(cli: Cli, options: ProofOptions): Promise<Proof> {
  const { certificate, identity, publicKey, secretRef } = options
  const given = [certificate, identity, publicKey, secretRef].filter((each) => each !== undefined)
  if (given.length !== 1) {
    throw usageError(
      given.length === 0 ? 'what proves the consumer?' : 'one credential is proven in one way',
      'Give one of --certificate, --identity, --public-key and --secret-ref',
    )
  }
  if (certificate !== undefined) {
    return { kind: 'certificate', identity: identityOf(await readInput(cli.terminal, certificate), options.by) }
  }
  if (identity !== undefined) return { kind: 'certificate', identity: parseIdentity(identity) }
  const { keyId } = options
  if (keyId === undefined) throw usageError('a key that signs needs --key-id', 'What keyid of its signatures says')
  if (publicKey !== undefined) {
    const key = readPublicKey(await readInput(cli.terminal, publicKey))
    return { kind: 'signing_key', key_id: keyId, algorithm: 'ed25519', public_key: key }
  }
  return { kind: 'signing_key', key_id: keyId, algorithm: 'hmac-sha256', secret: secretRef ?? '' }
}

/** The same key in the one form that is kept. */
function readPublicKey(pem: string): string {
  // Node would take the public half of it, and the private one would have been where it should not be.
  if (pem.includes('PRIVATE KEY')) {
    throw usageError('the file holds a private key, which nobody here needs', 'openssl pkey -in key.pem -pubout')
  }
  const key = parse(pem)
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw usageError('the file holds no Ed25519 public key in PEM', 'openssl genpkey -algorithm ed25519')
  }
  return key.export({ format: 'pem', type: 'spki' }).toString()
}

function parse(pem: string): KeyObject | undefined {
  try {
    return createPublicKey(pem)
  } catch {
    return undefined
  }
}

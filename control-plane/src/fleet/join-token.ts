/**
 * The text that lets one agent in, once: `hgj_` and base64url without padding.
 *
 * Carries what an agent needs before it trusts anybody: where the control plane is, which authority it must prove
 * (by the SHA-256 of its certificate), and a secret that proves the agent. A checksum tells a token that was cut
 * while it was copied from one that is not known. Its reader is agent/src/control/join-token.ts.
 *
 * Bytes: version (1), pin of the agent authority (32), secret (32), address `host:port` in ASCII, first 4 bytes of
 * the SHA-256 of everything before.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'

const PREFIX = 'hgj_'
const VERSION = 1
const CHECKSUM_BYTES = 4

/** Length of the secret, in bytes: 256 bits of chance, so that a plain SHA-256 of it may be stored. */
const SECRET_BYTES = 32

export interface JoinToken {
  /** `host:port`, as agents reach it. */
  readonly address: string
  /** SHA-256 of the agent authority's certificate; 32 bytes. */
  readonly pin: Uint8Array
  /** 32 bytes. */
  readonly secret: Uint8Array
}

/** Writes a token. Its text is as secret as the secret in it. */
export function writeJoinToken({ address, pin, secret }: JoinToken): string {
  const body = Buffer.concat([Uint8Array.of(VERSION), pin, secret, Buffer.from(address, 'ascii')])
  const checksum = createHash('sha256').update(body).digest().subarray(0, CHECKSUM_BYTES)
  return PREFIX + Buffer.concat([body, checksum]).toString('base64url')
}

export function newJoinSecret(): Uint8Array {
  return randomBytes(SECRET_BYTES)
}

/**
 * What is stored of a secret.
 *
 * @param secret in base64url, as it travels in `EnrollRequest.join_secret`.
 */
export function hashJoinSecret(secret: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(secret).digest())
}

/**
 * Makes join tokens. The text is returned once; what is stored opens nothing.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { certificatePin } from '@headgate/kit/pki.ts'
import type { Prisma } from '@headgate/prisma'
import { hashJoinSecret, newJoinSecret, writeJoinToken } from './join-token.ts'
import { insertJoinToken } from './store.ts'

/** Longest life of a join token, in milliseconds. */
export const JOIN_TOKEN_LIFE_MS_MAX = 7 * 86_400_000

export interface NewJoinToken {
  readonly id: string
  readonly groupId: string
  readonly expiresAt: Date
  /** Name of the operator. */
  readonly createdBy: string
}

export interface JoinTokens {
  /**
   * Stores the hash of a new token in the caller's transaction, beside its audit entry.
   *
   * @returns its text, `hgj_...`, which is secret and not kept.
   * @throws RangeError when it would live for longer than `JOIN_TOKEN_LIFE_MS_MAX`.
   */
  createJoinToken(tx: Prisma.TransactionClient, token: NewJoinToken): Promise<string>
}

export function createJoinTokens(options: {
  readonly authority: Uint8Array
  readonly address: string
  readonly clock: Clock
}): JoinTokens {
  const { authority, address, clock } = options
  const pin = certificatePin(authority)
  return {
    createJoinToken: async (tx, token) => {
      if (token.expiresAt.getTime() > clock.now() + JOIN_TOKEN_LIFE_MS_MAX) {
        throw new RangeError(`a join token lives at most ${JOIN_TOKEN_LIFE_MS_MAX} ms`)
      }
      const secret = newJoinSecret()
      await insertJoinToken(tx, { ...token, sha256: hashJoinSecret(Buffer.from(secret).toString('base64url')) })
      return writeJoinToken({ address, pin, secret })
    },
  }
}

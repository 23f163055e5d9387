/**
 * Refusals that are the same for everybody, made once.
 *
 * @module
 */
import type { CredentialReason, Verified } from '@headgate/core'

export type Denied = Extract<Verified, { kind: 'denied' }>

const made = new Map<CredentialReason, Denied>()

/** @returns the same object for the same reason. Says nothing about who it would have been. */
export function denied(reason: CredentialReason): Denied {
  let verified = made.get(reason)
  if (verified === undefined) {
    verified = { kind: 'denied', reason, principal: null }
    made.set(reason, verified)
  }
  return verified
}

/** @param leftMs how much longer its source is locked out, in milliseconds. */
export function lockedOut(leftMs: number): Denied {
  return { kind: 'denied', reason: 'source_locked_out', principal: null, retryAfterMs: leftMs }
}

/** @param leftMs how much longer what it begins with is locked out, in milliseconds. */
export function prefixLockedOut(leftMs: number): Denied {
  return { kind: 'denied', reason: 'credential_locked_out', principal: null, retryAfterMs: leftMs }
}

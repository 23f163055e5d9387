/**
 * What is known of every credential that the directory has, of whatever kind, and the judgement that is the same for all.
 *
 * That the caller has it was found out before. Pure: no clock and no I/O here.
 *
 * @module
 */
import type { Facts, Verified } from '#core/decision.ts'
import type { CredentialReason } from '#core/reasons.ts'
import { rangesContain, type AddressRange } from './addresses.ts'

export interface HolderFields {
  readonly id: string
  readonly consumerId: string
  /** Name of the consumer. */
  readonly consumer: string
  readonly consumerDisabled: boolean
  /** Every other value counts as revoked. */
  readonly state: 'active' | 'disabled' | 'revoked'
  /** Milliseconds since 1970-01-01 UTC; 0: never. */
  readonly expiresAtMs: number
  readonly scopes: readonly string[]
  /** Those of the consumer. */
  readonly roles: readonly string[]
  /** From `parseAddressRanges`, once per record. Empty: from anywhere. */
  readonly addresses: readonly AddressRange[]
}

/** The same, with what is the same for every request with the credential. */
export interface HolderRecord extends HolderFields {
  /** The verdict when nothing speaks against it. */
  readonly proven: Extract<Verified, { kind: 'proven' }>
}

/** By state, time, consumer, source address. Scopes are for `decide`. */
export function judgeHolder(record: HolderRecord, facts: Facts, nowMs: number): Verified {
  if (record.state === 'disabled') return deniedTo(record, 'credential_disabled')
  if (record.state !== 'active') return deniedTo(record, 'credential_revoked')
  // Written so that a time that is not a number has passed.
  if (record.expiresAtMs !== 0 && !(nowMs < record.expiresAtMs)) return deniedTo(record, 'credential_expired')
  if (record.consumerDisabled) return deniedTo(record, 'consumer_disabled')
  if (record.addresses.length > 0 && !rangesContain(record.addresses, facts.address)) {
    const needed = record.addresses.map((range) => range.text)
    return { kind: 'denied', reason: 'address_not_allowed', principal: record.proven.principal, needed }
  }
  return record.proven
}

/** A refusal that knows whom it meets. */
export function deniedTo({ proven }: HolderRecord, reason: CredentialReason): Verified {
  return { kind: 'denied', reason, principal: proven.principal }
}

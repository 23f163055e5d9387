/**
 * Whether what allowed a request still counts, asked again while it is in flight: a stream outlives its decision.
 *
 * Credential, consumer and bans are asked about, and the time; not the release, which is for new requests. What cannot be
 * found out ends nothing.
 *
 * @module
 */
import {
  type Bans,
  type Facts,
  judgeApiKey,
  judgeCredential,
  type Principal,
  type Reason,
  type Verified,
} from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'

/**
 * @param principal null: nobody was asked who calls, so that only its source can be shut out.
 * @param allowedMs when it was allowed, and `nowMs`, in milliseconds since 1970-01-01 UTC.
 * @returns why it does not; null: it does.
 */
export function judgeAgain(
  environment: LiveEnvironment,
  principal: Principal | null,
  facts: Facts,
  allowedMs: number,
  nowMs: number,
): Reason | null {
  const { directory } = environment
  const banned = judgeBans(directory.bans(), principal, facts, nowMs)
  if (banned !== null || principal === null) return banned
  switch (principal.credentialKind) {
    case 'api_key': {
      if (!directory.known || principal.lookup === undefined) return null
      const record = directory.findApiKey(principal.lookup)
      return record === null ? 'credential_unknown' : reasonOf(judgeApiKey(record, facts, nowMs))
    }
    case 'mtls':
    case 'signature': {
      // The certificate has an end of its own, beside that of what is known about it.
      const isCertificate = principal.credentialKind === 'mtls'
      const hasEnded = isCertificate && facts.peer?.kind === 'verified' && nowMs >= facts.peer.notAfterMs
      if (hasEnded) return 'credential_expired'
      if (!directory.known) return null
      const kind = isCertificate ? 'certificate' : 'signing_key'
      // The directory calls them by what they are called for people.
      const record = directory.findCredential(kind, principal.credentialHint)
      return record === null ? 'credential_unknown' : reasonOf(judgeCredential(record, facts, nowMs))
    }
    case 'jwt':
    case 'introspection':
      if (hasExpired(environment, principal, allowedMs, nowMs)) return 'credential_expired'
      return directory.known ? judgeConsumer(directory, principal) : null
  }
}

function judgeBans(bans: Bans | null, principal: Principal | null, { address }: Facts, nowMs: number): Reason | null {
  if (bans === null) return null
  if (bans.ofSource(address, nowMs) !== null) return 'source_banned'
  const consumerId = principal === null ? '' : principal.consumerId
  return consumerId !== '' && bans.ofConsumer(consumerId, nowMs) !== null ? 'consumer_banned' : null
}

/** Of a token, the consumer is what we can take back. */
function judgeConsumer(directory: DirectoryReader, { consumerId, consumer }: Principal): Reason | null {
  const record = directory.findConsumer(consumer)
  if (record?.disabled === true) return 'consumer_disabled'
  // Deleted, or somebody else has its name by now.
  return consumerId !== '' && record?.id !== consumerId ? 'consumer_unknown' : null
}

function reasonOf(verified: Verified): Reason | null {
  return verified.kind === 'denied' ? verified.reason : null
}

/** Of a token. What was let in behind its time, because clocks differ, has as long as any clock may be late. */
function hasExpired(
  { release }: LiveEnvironment,
  { expiresAtMs, credentialHint }: Principal,
  allowedMs: number,
  nowMs: number,
): boolean {
  if (expiresAtMs === 0 || nowMs < expiresAtMs) return false
  if (allowedMs < expiresAtMs) return true
  // Of a token, the hint is the name of its issuer.
  return nowMs >= expiresAtMs + (release.issuers.get(credentialHint)?.rules.clockSkewMs ?? 0)
}

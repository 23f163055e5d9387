/**
 * Reads which credentials an agent saw in use.
 *
 * Pure. Agents tell of a credential at most twice a minute, many in one record: lists side by side of ids, source
 * addresses and times. A list that does not fit costs its record; a single use that does not fit costs itself.
 *
 * @module
 */
import { isId } from '@headgate/kit/ids.ts'
import { isIP } from 'node:net'
import { type LogRecord, USES_EVENT, attributeNames as names, readAttributes } from './attributes.ts'

/** Most uses in one record. */
const USES_MAX = 1_000

/** How far a use may be ahead of and behind our clock, in milliseconds. */
const AHEAD_MS_MAX = 10 * 60_000
const BEHIND_MS_MAX = 7 * 86_400_000

/** One credential, when and from where it was used last as far as the agent knows. */
export interface CredentialUse {
  readonly environmentId: string
  readonly credentialId: string
  /** Empty: not an address. */
  readonly address: string
  /** Milliseconds since 1970-01-01 UTC; never in the future. */
  readonly atMs: number
}

export type UsesRead =
  | { readonly kind: 'uses'; readonly uses: readonly CredentialUse[] }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'refused'; readonly why: string }

/** @param sender.environmentIds those that the agent's group serves: it can tell of no other. */
export function readUses(
  log: LogRecord,
  sender: { readonly environmentIds: ReadonlySet<string> },
  nowMs: number,
): UsesRead {
  if (log.eventName !== USES_EVENT) return { kind: 'skipped' }
  const attributes = readAttributes(log.attributes)
  const environmentId = attributes.text(names.environmentId, 64) ?? ''
  if (!sender.environmentIds.has(environmentId))
    return { kind: 'refused', why: 'its environment is not served by the agent' }
  const ids = attributes.texts(names.credentialIds, USES_MAX)
  const addresses = attributes.texts(names.credentialAddresses, USES_MAX)
  const times = attributes.numbers(names.credentialTimes, USES_MAX)
  if (
    ids === undefined ||
    addresses === undefined ||
    times === undefined ||
    ids.length !== addresses.length ||
    ids.length !== times.length
  ) {
    return { kind: 'refused', why: 'its lists of uses do not fit' }
  }
  const uses: CredentialUse[] = []
  for (const [index, credentialId] of ids.entries()) {
    const [address = '', atMs = 0] = [addresses[index], times[index]]
    if (!isId('key', credentialId) && !isId('crd', credentialId)) continue
    if (!Number.isSafeInteger(atMs) || atMs > nowMs + AHEAD_MS_MAX || atMs < nowMs - BEHIND_MS_MAX) continue
    // A clock that is ahead must not hide what other agents tell after it.
    uses.push({
      environmentId,
      credentialId,
      address: isIP(address) === 0 ? '' : address,
      atMs: Math.min(atMs, nowMs),
    })
  }
  return { kind: 'uses', uses }
}

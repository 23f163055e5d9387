/**
 * Reads that somebody presented a decoy to an agent.
 *
 * Pure. Whether the credential is a decoy of that environment is known to the database alone, and asked there.
 *
 * @module
 */
import { isId } from '@headgate/kit/ids.ts'
import { isIP } from 'node:net'
import { DECOY_EVENT, type LogRecord, attributeNames as names, readAttributes } from './attributes.ts'

/** How far a use may be ahead of and behind our clock, in milliseconds. */
const AHEAD_MS_MAX = 10 * 60_000
const BEHIND_MS_MAX = 7 * 86_400_000

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/

export interface DecoyUse {
  readonly environmentId: string
  readonly credentialId: string
  /** Empty: not an address. */
  readonly address: string
  readonly requestId: string
  /** Milliseconds since 1970-01-01 UTC. */
  readonly atMs: number
}

export type DecoyRead =
  | { readonly kind: 'decoy'; readonly decoy: DecoyUse }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'refused'; readonly why: string }

export function readDecoy(
  log: LogRecord,
  sender: { readonly environmentIds: ReadonlySet<string> },
  nowMs: number,
): DecoyRead {
  if (log.eventName !== DECOY_EVENT) return { kind: 'skipped' }
  const attributes = readAttributes(log.attributes)
  const environmentId = attributes.text(names.environmentId, 64) ?? ''
  if (!sender.environmentIds.has(environmentId))
    return { kind: 'refused', why: 'its environment is not served by the agent' }
  const credentialId = attributes.text(names.credentialId, 64) ?? ''
  if (!isId('key', credentialId)) return { kind: 'refused', why: 'it names no credential' }
  const requestId = attributes.text(names.requestId, 64) ?? ''
  if (!REQUEST_ID.test(requestId)) return { kind: 'refused', why: 'it has no request id' }
  const atMs = Number(log.timeUnixNano / 1_000_000n)
  if (atMs > nowMs + AHEAD_MS_MAX || atMs < nowMs - BEHIND_MS_MAX)
    return { kind: 'refused', why: 'its time is out of range' }
  const address = attributes.text(names.address, 64) ?? ''
  return {
    kind: 'decoy',
    decoy: { environmentId, credentialId, address: isIP(address) === 0 ? '' : address, requestId, atMs },
  }
}

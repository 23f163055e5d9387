/**
 * Proves API keys: the `verify` port of the decision for one environment.
 *
 * The text of a key is hashed and forgotten; what is compared is SHA-256 against the directory, so neither memory nor
 * a record ever holds a key. Form and environment of the key were checked by core before.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { type Credential, type Facts, judgeApiKey, type Verified } from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'

const UNAVAILABLE: Verified = { kind: 'denied', reason: 'credential_unavailable', principal: null }
const UNKNOWN: Verified = { kind: 'denied', reason: 'credential_unknown', principal: null }

/** @param nowMs wall clock: keys expire by the calendar. */
export function verifyApiKey(
  directory: DirectoryReader,
  { text }: Extract<Credential, { kind: 'api_key' }>,
  facts: Facts,
  nowMs: number,
): Verified {
  // Without a directory a good key cannot be told from a bad one; 401 would make its holder throw it away.
  if (!directory.known) return UNAVAILABLE
  const record = directory.findApiKey(hash('sha256', text, 'latin1'))
  return record === null ? UNKNOWN : judgeApiKey(record, facts, nowMs)
}

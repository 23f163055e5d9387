/**
 * Proves credentials: the `verify` port of the decision for one environment.
 *
 * @module
 */
import type { Credential, Facts, Verified } from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'
import { verifyApiKey } from './api-key.ts'

const UNAVAILABLE: Verified = { kind: 'denied', reason: 'credential_unavailable', principal: null }

/** @param nowMs wall clock. */
export function verifyCredential(
  directory: DirectoryReader,
  credential: Credential,
  facts: Facts,
  nowMs: number,
): Verified | Promise<Verified> {
  return credential.kind === 'api_key' ? verifyApiKey(directory, credential, facts, nowMs) : UNAVAILABLE
}

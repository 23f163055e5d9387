/**
 * A credential that is a secret: read from where its reference points, again and again, so that a file that changed is
 * followed. One that cannot be read any more changes nothing, as a file that is being replaced may be away for a moment.
 *
 * Sources: RFC 7617 (basic), RFC 9110 section 5.5 (field values).
 *
 * @module
 */
import type { CompiledAuthentication } from '@headgate/core'
import { readSecret } from '#agent/listen/secrets.ts'
import type { FollowOptions } from './credential-keeper.ts'

/** How soon a secret is read again, in milliseconds; when it could not be used, sooner. */
const REFRESH_MS = 10_000
const RETRY_MS = 1_000

/** Longest value of a field that is a credential, in characters: with a head of the longest kind it still fits. */
export const CREDENTIAL_LENGTH_MAX = 8_000

/** Resolves when the signal fires. */
export async function followSecret(
  authentication: Exclude<CompiledAuthentication, { kind: 'oauth' }>,
  { env, clock, log, signal, tell, report }: FollowOptions,
): Promise<void> {
  let told: string | null | undefined
  let problem: string | null = null
  while (!signal.aborted) {
    const read = await readSecret(authentication.secret, env)
    const value = read.kind === 'missing' ? null : fieldValue(authentication, read.value)
    const why =
      read.kind === 'missing' ? read.why : value === null ? `${authentication.secret} does not fit into a field` : null
    if (why !== problem && why !== null) log.error({ why }, 'the agent cannot prove itself to a service')
    problem = why
    report(problem)
    if (value === null ? told === undefined : value !== told) {
      told = value
      tell(value)
    }
    await clock.sleep(value === null ? RETRY_MS : REFRESH_MS, signal).catch(() => {})
  }
}

/** @returns null when it would not be one field. */
function fieldValue(authentication: Exclude<CompiledAuthentication, { kind: 'oauth' }>, secret: string): string | null {
  // A file ends with a line feed that nobody means.
  const text = secret.replace(/\r?\n$/, '')
  if (text === '') return null
  if (authentication.kind === 'basic') {
    const pair = Buffer.from(`${authentication.username}:${text}`).toString('base64')
    return pair.length > CREDENTIAL_LENGTH_MAX ? null : `Basic ${pair}`
  }
  return isCredential(text) ? authentication.prefix + text : null
}

/** Visible ASCII, spaces inside only: what a reader would change is no secret that works. */
function isCredential(text: string): boolean {
  return text.length <= CREDENTIAL_LENGTH_MAX && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)
}

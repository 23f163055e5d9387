/**
 * Finds the one credential of a request.
 *
 * Decides only whether there is exactly one and where it stood; whether it is genuine is the `verify` port. Looks
 * into the fields that the access policy names and into `Authorization: Bearer`, always into all of them: a second
 * credential that the service might read must not slip through.
 *
 * Sources: RFC 6750 section 2.1, RFC 9110 section 11.1 (scheme names compare case-insensitively) and 11.6.2
 * (`Authorization` is a single value).
 *
 * @module
 */
import type { Facts } from '#core/decision.ts'

export type FoundCredential =
  /** `headers`: fields that carried it, lower case. The text may still be malformed. */
  | { readonly kind: 'found'; readonly text: string; readonly headers: readonly string[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'repeated' }

const NONE: readonly never[] = []
const AUTHORIZATION = ['authorization'] as const
const MISSING: FoundCredential = { kind: 'missing' }
const REPEATED: FoundCredential = { kind: 'repeated' }

/** @param apiKeyHeaders lower case. The same text in two places is one credential. */
export function findCredential(apiKeyHeaders: readonly string[], facts: Facts): FoundCredential {
  const authorization = facts.header('authorization')
  if (authorization.length > 1) return REPEATED
  let text = readBearer(authorization[0])
  let headers: readonly string[] = text === null ? NONE : AUTHORIZATION
  for (const name of apiKeyHeaders) {
    const values = facts.header(name)
    // Nearly always there is one field that may carry it, and it does: its list is the policy's.
    if (values.length > 0) headers = headers === NONE && apiKeyHeaders.length === 1 ? apiKeyHeaders : [...headers, name]
    for (const value of values) {
      if (text !== null && text !== value) return REPEATED
      text = value
    }
  }
  return text === null ? MISSING : { kind: 'found', text, headers }
}

/** @returns null for another scheme: it is the service's own business. What follows `Bearer` is not checked here. */
function readBearer(value: string | undefined): string | null {
  if (value === undefined || value.slice(0, 6).toLowerCase() !== 'bearer') return null
  if (value.length === 6) return ''
  return value[6] === ' ' ? value.slice(6).replace(/^ +/, '') : value[6] === '\t' ? value.slice(6) : null
}

/**
 * Finds the one credential of a request.
 *
 * Decides only whether there is exactly one and where it stood; whether it is genuine is the `verify` port. Looks
 * into all places that the access policy names and into `Authorization`, always into all of them: a second
 * credential that the service might read must not slip through.
 *
 * Sources: RFC 6750 section 2.1, RFC 9449 section 7.1, RFC 9421 section 4, RFC 9110 section 11.1 (scheme names compare
 * case-insensitively) and 11.6.2 (`Authorization` is a single value).
 *
 * @module
 */
import type { Facts, TlsPeer } from '#core/decision.ts'
import type { CompiledSources } from '#core/release.ts'

export type FoundCredential =
  | FoundText
  /** Nothing but the certificate of the connection, which may not be trusted. */
  | { readonly kind: 'certificate'; readonly peer: TlsPeer }
  | { readonly kind: 'signature' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'repeated' }

/** A credential in a text that may still be malformed. */
export interface FoundText {
  readonly kind: 'text'
  readonly text: string
  /** `key`: where nothing but API keys are. */
  readonly scheme: 'bearer' | 'dpop' | 'key'
  /** Fields that carried it, lower case. */
  readonly headers: readonly string[]
  /** Query parameters that carried it. */
  readonly query: readonly string[]
  /** The certificate of the connection, where certificates are accepted as well: both must be one credential. */
  readonly peer: TlsPeer | null
}

const NONE: readonly never[] = []
const AUTHORIZATION = ['authorization'] as const
/** A token that is bound to a key is half of a credential; whoever has its proof as well has both. */
const WITH_PROOF = ['authorization', 'dpop'] as const
const MISSING: FoundCredential = { kind: 'missing' }
const REPEATED: FoundCredential = { kind: 'repeated' }
const SIGNATURE: FoundCredential = { kind: 'signature' }

/** The same text in two places is one credential. */
export function findCredential(sources: CompiledSources, facts: Facts): FoundCredential {
  const { apiKeyHeaders, apiKeyQuery } = sources
  const authorization = facts.header('authorization')
  if (authorization.length > 1) return REPEATED
  let scheme: FoundText['scheme'] = 'bearer'
  let text = readScheme(authorization[0], 'bearer')
  if (text === null && sources.tokens.length > 0) {
    text = readScheme(authorization[0], 'dpop')
    if (text !== null) scheme = 'dpop'
  }
  let headers: readonly string[] = text === null ? NONE : scheme === 'dpop' ? WITH_PROOF : AUTHORIZATION
  for (const name of apiKeyHeaders) {
    const values = facts.header(name)
    // Nearly always there is one field that may carry it, and it does: its list is the policy's.
    if (values.length > 0) headers = headers === NONE && apiKeyHeaders.length === 1 ? apiKeyHeaders : [...headers, name]
    for (const value of values) {
      if (text !== null && text !== value) return REPEATED
      text = value
      scheme = 'key'
    }
  }
  let query: readonly string[] = NONE
  if (apiKeyQuery.length > 0 && facts.query !== '') {
    for (const [name, value] of new URLSearchParams(facts.query)) {
      if (!apiKeyQuery.includes(name)) continue
      if (text !== null && text !== value) return REPEATED
      text = value
      scheme = 'key'
      if (!query.includes(name)) query = [...query, name]
    }
  }
  const isSigned = sources.signature !== null && facts.header('signature-input').length > 0
  const peer = sources.certificate === null ? null : facts.peer
  if (text !== null) return isSigned ? REPEATED : { kind: 'text', text, scheme, headers, query, peer }
  if (isSigned) return peer === null ? SIGNATURE : REPEATED
  return peer === null ? MISSING : { kind: 'certificate', peer }
}

const SPACE = 0x20
/** As nearly everybody writes them. */
const USUAL = { bearer: 'Bearer ', dpop: 'DPoP ' } as const

/** @returns null for another scheme: it is the service's own business. What follows the scheme is not checked here. */
function readScheme(value: string | undefined, scheme: 'bearer' | 'dpop'): string | null {
  if (value === undefined) return null
  const usual = USUAL[scheme]
  if (value.startsWith(usual) && value.charCodeAt(usual.length) !== SPACE) return value.slice(usual.length)
  const { length } = scheme
  if (value.slice(0, length).toLowerCase() !== scheme) return null
  if (value.length === length) return ''
  return value[length] === ' '
    ? value.slice(length).replace(/^ +/, '')
    : value[length] === '\t'
      ? value.slice(length)
      : null
}

/**
 * What is said about a token before anybody looks at keys: whose it is, and to whom it is bound.
 *
 * Sources: RFC 9068 section 4, RFC 8705 section 3, RFC 9449 section 7.1.
 *
 * @module
 */
import { isBoundCertificate, type TokenBinding, tokenBinding } from '#core/credentials/token.ts'
import type { TlsPeer } from '#core/decision.ts'
import type { CredentialReason } from '#core/reasons.ts'
import type { CompiledIssuer, CompiledTokenSource } from '#core/release.ts'
import type { ClaimProblem } from './claims.ts'
import { type Jws, readJws } from './jws.ts'
import type { JsonObject } from './strict-json.ts'

/** What can be wrong with a token, as it is told. */
export const tokenReasons = {
  malformed: 'credential_malformed',
  algorithm: 'token_algorithm_not_allowed',
  type: 'token_type_not_allowed',
  issuer: 'token_issuer_unknown',
  audience: 'token_audience_mismatch',
  expired: 'credential_expired',
  not_yet_valid: 'token_not_yet_valid',
  claims: 'token_claims_invalid',
  key_unknown: 'token_key_unknown',
  signature: 'token_signature_invalid',
  inactive: 'token_inactive',
  unavailable: 'credential_unavailable',
} as const satisfies Record<ClaimProblem, CredentialReason> & Record<string, CredentialReason>

/** By whom a token is proven. */
export type TokenOrigin =
  | {
      readonly kind: 'signed'
      readonly source: CompiledTokenSource
      readonly issuer: CompiledIssuer
      readonly jws: Jws
    }
  | { readonly kind: 'asked'; readonly source: CompiledTokenSource; readonly issuer: CompiledIssuer }
  | { readonly kind: 'refused'; readonly reason: CredentialReason }

/**
 * By `iss` among the issuers whose signatures the policy accepts; what is of none of them goes to the one that is asked,
 * if there is one.
 */
export function tokenOrigin(
  text: string,
  sources: readonly CompiledTokenSource[],
  issuers: ReadonlyMap<string, CompiledIssuer>,
): TokenOrigin {
  const read = readJws(text)
  if (read.kind === 'jws') {
    for (const source of sources) {
      const issuer = source.kind === 'jwt' ? issuers.get(source.issuer) : undefined
      if (issuer !== undefined && issuer.issuer === read.jws.claims['iss']) {
        return { kind: 'signed', source, issuer, jws: read.jws }
      }
    }
  }
  const [asked, ...others] = sources.filter(({ kind }) => kind === 'introspection')
  const issuer = asked === undefined || others.length > 0 ? undefined : issuers.get(asked.issuer)
  if (asked !== undefined && issuer !== undefined) return { kind: 'asked', source: asked, issuer }
  if (read.kind === 'jws') return { kind: 'refused', reason: tokenReasons.issuer }
  return { kind: 'refused', reason: tokenReasons[read.kind === 'malformed' ? 'malformed' : 'algorithm'] }
}

/** What a caller has to show beside its token. */
export type TokenProof =
  | { readonly kind: 'nothing' }
  /** A proof of the key that has this thumbprint. */
  | { readonly kind: 'key'; readonly thumbprint: string }
  /** It lacks the proof, or the token is bound to nothing and must be. */
  | { readonly kind: 'unbound' }

const NOTHING: TokenProof = { kind: 'nothing' }
const UNBOUND: TokenProof = { kind: 'unbound' }

/** @param scheme with which the token was presented. @param peer the certificate of the connection. */
export function neededProof(
  claims: JsonObject,
  mustBeBound: boolean,
  scheme: 'bearer' | 'dpop',
  peer: TlsPeer | null,
): TokenProof {
  return proofOfBinding(tokenBinding(claims), mustBeBound, scheme, peer)
}

/** The same for whoever has read before to what the token is bound. */
export function proofOfBinding(
  binding: TokenBinding,
  mustBeBound: boolean,
  scheme: 'bearer' | 'dpop',
  peer: TlsPeer | null,
): TokenProof {
  // A token that is bound to a key does not count as a bearer token, and others not as bound to one.
  if (binding.kind === 'key') return scheme === 'dpop' ? binding : UNBOUND
  if (scheme === 'dpop') return UNBOUND
  if (binding.kind === 'none') return mustBeBound ? UNBOUND : NOTHING
  return binding.kind === 'certificate' && isBoundCertificate(binding.sha256, peer) ? NOTHING : UNBOUND
}

/**
 * What would help where a token does not count, or the proof that belongs to it.
 *
 * @module
 */
import type { CompiledIssuer, CompiledRelease } from '@headgate/core'
import { type Fix, fix } from './fix.ts'
import type { Refused } from './fixes.ts'

/** @returns null for reasons that are about something else. */
export function tokenFixes(
  { reason, route, rule, principal }: Refused,
  release: CompiledRelease | null,
): readonly Fix[] | null {
  const tokens = release?.routes.get(route ?? '')?.access?.sources.tokens ?? []
  const name = principal?.issuer ?? tokens[0]?.issuer ?? null
  // Which of several it was is not told by a token that nobody has proven.
  const issuer = name === null || tokens.length > 1 ? null : (release?.issuers.get(name) ?? null)
  const get = name === null || tokens.length > 1 ? 'headgate issuers ls' : `headgate issuers get ${name}`
  const policy = rule?.kind === 'policy' ? `headgate policies get ${rule.name}` : null
  switch (reason) {
    case 'token_issuer_unknown': {
      const names = tokens.map((each) => each.issuer).join(' or ')
      return [
        fix(`Get a token of ${names || 'an issuer that the policy names'}, or let the policy name its issuer`, policy),
      ]
    }
    case 'token_algorithm_not_allowed':
      return [fix(`Let tokens be signed with ${some(issuer, ({ rules }) => rules.algorithms)}`, get)]
    case 'token_key_unknown':
      return [fix('See whether the issuer still has the key; a token that is signed with another one counts', get)]
    case 'token_signature_invalid':
      return [fix('Get a new token of its issuer: this one was changed, or signed by somebody else', get)]
    case 'token_type_not_allowed':
      return [
        fix('Send an access token, not an ID token; where the issuer has other types, name them in token_types', get),
      ]
    case 'token_audience_mismatch':
      return [fix(`Ask for a token for ${some(issuer, ({ rules }) => rules.audiences)}, or add its audience`, get)]
    case 'token_not_yet_valid':
      return [fix('Set the clocks right, or allow more in clock_skew_ms of the issuer', get)]
    case 'token_claims_invalid':
      return [fix('Let the issuer put in exp, the claim of the consumer, and what required_claims names', get)]
    case 'token_inactive':
      return [fix('Get a new token: the issuer has ended this one, or never made it', get)]
    case 'credential_unbound':
      return [
        fix(
          'Send the token as Authorization: DPoP with a proof of its key in DPoP, or over a connection with its certificate',
        ),
        fix('Or ask for a token that is bound, where the policy needs one', policy),
      ]
    case 'proof_invalid':
      return [fix('Make the proof for this very method, address and token, with the key that the token is bound to')]
    case 'proof_replayed':
      return [fix('Make a new proof for each request')]
    default:
      return null
  }
}

/** What an issuer has, or where that stands. */
function some(issuer: CompiledIssuer | null, of: (issuer: CompiledIssuer) => readonly string[]): string {
  return issuer === null ? 'what the issuer has' : of(issuer).join(' or ')
}

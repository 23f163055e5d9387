/**
 * What would help where a credential is missing, or is none that counts.
 *
 * @module
 */
import type { CompiledRelease, CompiledSources } from '@headgate/core'
import { type Fix, fix, named } from './fix.ts'
import type { Refused } from './fixes.ts'

const CERTIFICATE = '--certificate <file> --by uri'
const SIGNING_KEY = '--public-key <file> --key-id <id>'

/** @returns null for reasons that are about something else. */
export function credentialFixes(refused: Refused, release: CompiledRelease | null): readonly Fix[] | null {
  const { reason, address, environment, route, principal, rule, needed } = refused
  const sources = release?.routes.get(route ?? '')?.access?.sources ?? null
  const who = principal === null ? '<name>' : named(principal.consumer)
  const scopes = (release?.routes.get(route ?? '')?.access?.scopes ?? []).map((scope) => ` --scope ${scope}`).join('')
  const createKey = `headgate keys create --consumer ${who}${scopes}`
  const create = (options: string): string => `headgate credentials create --consumer ${who} ${options}${scopes}`
  const policy = rule?.kind === 'policy' ? `headgate policies get ${rule.name}` : null
  const kind = principal?.credential_kind ?? sources?.kinds[0] ?? 'api_key'
  const isToken = kind === 'jwt' || kind === 'introspection'
  const issuer = principal?.issuer ?? sources?.tokens[0]?.issuer ?? null
  const issuers = issuer === null ? 'headgate issuers ls' : `headgate issuers get ${issuer}`

  switch (reason) {
    case 'credential_missing':
      return (sources?.kinds ?? ['api_key']).map((each): Fix => {
        if (each === 'api_key') return fix(`Create a key and send it as ${carrier(sources)}`, createKey)
        if (each === 'mtls') return fix('Connect over HTTPS with a client certificate', create(CERTIFICATE))
        if (each === 'signature') return fix('Sign the request with a key of the consumer', create(SIGNING_KEY))
        return fix('Get a token of an issuer that the policy names, and send it as Authorization: Bearer', issuers)
      })
    case 'credential_repeated':
      return [fix('Send one credential, in one field; a client certificate counts as one')]
    case 'credential_malformed':
      return sources !== null && sources.apiKeyHeaders.length === 0
        ? [fix('Send the token whole and unchanged, as its issuer gave it', issuers)]
        : [fix('Send the key as it was shown, whole and unchanged; create a new one if it is lost', createKey)]
    case 'credential_unknown':
      return kind === 'signature'
        ? [fix('Sign with a key that a consumer of this environment has', create(SIGNING_KEY))]
        : [fix('Use a key of this environment; create a new one if it is lost', createKey)]
    case 'credential_wrong_environment':
      return [fix(`Use a key of environment ${environment}`, `${createKey} --environment ${environment}`)]
    case 'credential_expired':
    case 'credential_revoked':
      if (isToken) return [fix('Get a new token of its issuer', issuers)]
      if (kind === 'mtls') return [fix('Use another certificate', create(CERTIFICATE))]
      return kind === 'signature'
        ? [fix('Use another key', create(SIGNING_KEY))]
        : [fix('Create another key', createKey)]
    case 'credential_disabled': {
      const of = kind === 'api_key' ? 'keys' : 'credentials'
      return [
        fix(
          'Switch the credential on again',
          principal === null ? null : `headgate ${of} enable ${principal.credential_id}`,
        ),
      ]
    }
    case 'credential_unavailable':
      return isToken
        ? [fix('See whether agents reach the issuer, at the addresses that it has', issuers)]
        : [fix('See whether agents have the directory of the environment', 'headgate agents ls')]
    case 'credential_not_accepted':
      return [fix(`Present ${needed.join(' or ')}, or let the policy accept keys`, policy)]
    case 'source_locked_out':
    case 'credential_locked_out':
      return [
        fix(`Wait ${Math.max(1, Math.ceil(refused.retryAfterMs / 1000))} s`),
        fix(
          'And correct the credential: what was wrong with it stands in the records before',
          'headgate tail --denied',
        ),
      ]
    case 'address_not_allowed':
      return [
        fix(
          `Call from ${needed.join(' or ') || 'an address of the credential'}, or create one that admits ${address}`,
          kind === 'api_key' ? `${createKey} --address ${address}` : null,
        ),
      ]
    case 'certificate_untrusted':
      return [
        fix(
          'Connect with a certificate of an authority that the host trusts, or add its authority',
          'headgate certificates ls',
        ),
      ]
    case 'certificate_unknown':
      return [fix('Say whose certificate it is, by a name that the policy looks for', create(CERTIFICATE))]
    case 'signature_invalid':
      return [fix('Sign the request as it is sent, with the key that keyid names')]
    case 'signature_insufficient': {
      const covered = sources?.signature?.covered ?? []
      return [fix(`Sign at least ${covered.join(', ') || 'what the policy says'}`, policy)]
    }
    case 'signature_expired':
      return [fix('Sign anew for each request, with a clock that is right; or let the policy take older ones', policy)]
    case 'signature_replayed':
      return [fix('Sign anew for each request, with a nonce')]
    default:
      return null
  }
}

function carrier(sources: CompiledSources | null): string {
  const [header] = sources?.apiKeyHeaders ?? []
  return header === undefined ? 'Authorization: Bearer' : `${header} or Authorization: Bearer`
}

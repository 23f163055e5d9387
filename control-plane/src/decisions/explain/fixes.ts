/**
 * What would make a refused request pass, as sentences and commands.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import type { CompiledRelease } from '@headgate/core'
import { type Fix, fix, roleOptions, named } from './fix.ts'
import { credentialFixes } from './fixes-credentials.ts'
import { limitFixes } from './fixes-limits.ts'
import { tokenFixes } from './fixes-tokens.ts'

export type { Fix } from './fix.ts'

/** What a fix depends on. */
export interface Refused {
  readonly reason: string
  readonly method: string
  readonly path: string
  readonly address: string
  readonly environment: string
  readonly route: string | null
  readonly service: string | null
  readonly principal: Explanation['principal']
  readonly rule: Explanation['rule']
  readonly needed: readonly string[]
  readonly had: readonly string[]
  /** Time until one more passes; 0 where nothing is said. */
  readonly retryAfterMs: number
  /** Of the request; absent where nothing is known of them. */
  readonly limits?: Explanation['limits']
}

export function fixesOf(refused: Refused, release: CompiledRelease | null): Fix[] {
  const found =
    credentialFixes(refused, release) ??
    tokenFixes(refused, release) ??
    accessFixes(refused, release) ??
    limitFixes(refused) ??
    otherFixes(refused)
  return [...found]
}

/** Of reasons that are about what a caller may do, once it is known. */
function accessFixes(refused: Refused, release: CompiledRelease | null): readonly Fix[] | null {
  const { reason, route, service, principal, rule, needed, had } = refused
  const policy = rule?.kind === 'policy' ? `headgate policies get ${rule.name}` : null
  switch (reason) {
    case 'source_not_allowed':
      return rule?.kind === 'route'
        ? [
            fix(
              `Call from a private network, or give the route exposure: public, or the policy addresses`,
              `headgate routes get ${rule.name}`,
            ),
          ]
        : [fix(`Call from ${needed.join(' or ') || 'another address'}, or change addresses in the policy`, policy)]
    case 'access_undecided':
      return [
        fix(
          `Write an access policy on route ${route}, its service ${service} or the environment`,
          'headgate export > headgate.yaml',
        ),
      ]
    case 'source_banned':
    case 'consumer_banned': {
      const ban = rule?.kind === 'ban' ? rule.name : '<ban>'
      return [fix('Lift the ban when its reason is gone', `headgate bans lift ${ban}`)]
    }
    case 'consumer_disabled':
      return [
        fix(
          'Switch the consumer on again',
          principal === null ? null : `headgate consumers enable ${named(principal.consumer)}`,
        ),
      ]
    case 'consumer_unknown':
      return [
        fix(
          'Create the consumer that the token names, or let the issuer admit callers that are none (unknown_consumers)',
          principal === null ? null : `headgate consumers create ${named(principal.consumer)}`,
        ),
      ]
    case 'consumer_not_allowed':
      return [fix(`Call as ${needed.join(' or ')}, or name the consumer in the policy`, policy)]
    case 'scope_missing':
      return [scopeFix(refused, release)]
    case 'role_missing': {
      const command =
        principal === null || principal.consumer_id === ''
          ? null
          : `headgate consumers update ${named(principal.consumer)}${roleOptions([...had, ...needed.slice(0, 1)])}`
      return [fix(`Give the consumer one of the roles ${needed.join(', ')}`, command)]
    }
    case 'time_not_allowed':
      return [fix(`Call within ${needed.join(' or ')}, or change times in the policy`, policy)]
    case 'expression_denied':
      return [fix('Send a request for which the expression of the policy is true, or change it', policy)]
    case 'expression_failed':
      return [
        fix(
          'Let the expression ask first whether there is what it looks at: has(claims.x), "x-name" in request.headers',
          policy,
        ),
      ]
    default:
      return null
  }
}

/** A key is given scopes, as is a certificate; what a token says is up to its issuer, and a role adds to it. */
function scopeFix({ principal, needed, had }: Refused, release: CompiledRelease | null): Fix {
  const missing = needed.filter((scope) => !had.includes(scope))
  const options = missing.map((scope) => ` --scope ${scope}`).join('')
  if (principal === null) return fix(`Call with a credential that has ${missing.join(', ')}`)
  const { credential_kind: kind, credential_id: id, consumer, consumer_id: consumerId, roles } = principal
  if (kind === 'api_key') return fix('Give the key the scope', `headgate keys grant ${id}${options}`)
  if (kind === 'mtls' || kind === 'signature') {
    return fix('Give the credential the scope', `headgate credentials grant ${id}${options}`)
  }
  const [role = '<role>'] =
    [...(release?.roles ?? [])].find(([, scopes]) => missing.every((scope) => scopes.includes(scope))) ?? []
  return fix(
    `Let the issuer put ${missing.join(', ')} into its tokens, or give the consumer a role that has it`,
    consumerId === '' ? null : `headgate consumers update ${named(consumer)}${roleOptions([...roles, role])}`,
  )
}

/** Of reasons that are not about the caller. */
function otherFixes(refused: Refused): readonly Fix[] {
  const { reason, method, path, service, needed } = refused
  const targets = `headgate services get ${service}`
  switch (reason) {
    case 'client_certificate_missing':
      return [
        fix('Open a connection to this very host over HTTPS, with a client certificate of one of its authorities'),
      ]
    case 'https_redirect':
    case 'https_required':
      return [fix('Call over HTTPS')]
    case 'cleartext_credential':
      return [
        fix('Call over HTTPS'),
        fix('Replace the credential that was sent: everybody on the way can have read it', 'headgate keys ls'),
      ]
    case 'route_unknown':
      return [fix(`Add a route for ${path}, or correct the host or path`, 'headgate routes ls')]
    case 'method_not_allowed':
      return [
        fix(
          `Use ${needed.join(', ') || 'a method that the route serves'}, or let the route serve ${method}`,
          'headgate routes ls',
        ),
      ]
    case 'not_ready':
      return [fix('Publish a release', 'headgate apply -f headgate.yaml')]
    case 'proxy_chain_invalid':
      return [fix('Let the proxy in front write X-Forwarded-For or Forwarded anew, with addresses only')]
    case 'upstream_identity_invalid':
      return [fix('Tell the service less of its caller, or call with a name and claims that fit into a field', targets)]
    case 'upstream_credential_unavailable':
      return [fix(`See whether agents can read what they prove themselves with to service ${service}`, targets)]
    case 'upstream_overloaded':
      return [
        fix(`See how many requests service ${service} has in flight`, targets),
        fix('Or raise the bounds of its breaker'),
      ]
    case 'upstream_unreachable':
    case 'upstream_failed':
    case 'upstream_timeout':
      return [fix(`See whether the targets of service ${service} answer`, targets)]
    default:
      return [fix('Send a request that can be read in one way only')]
  }
}

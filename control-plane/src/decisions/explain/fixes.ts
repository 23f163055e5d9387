/**
 * What would make a refused request pass, as sentences and commands.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import type { CompiledRelease } from '@headgate/core'

export type Fix = Explanation['fixes'][number]

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
  /** Time until the refusing limit lets one more pass; 0 where no limit refused. */
  readonly retryAfterMs: number
}

const fix = (description: string, command: string | null = null): Fix => ({ description, command })

export function fixesOf(refused: Refused, release: CompiledRelease | null): Fix[] {
  const { reason, method, path, address, environment, route, service, principal, rule, needed, had } = refused
  const scopes = (release?.routes.get(route ?? '')?.access?.scopes ?? []).map((scope) => ` --scope ${scope}`).join('')
  const create = `headgate keys create --consumer ${principal?.consumer ?? '<name>'}${scopes}`
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
    case 'credential_missing':
      return [fix(`Create a key and send it as ${carrier(release, route)}`, create)]
    case 'credential_repeated':
      return [fix('Send one credential, in one field')]
    case 'credential_malformed':
      return [fix('Send the key as it was shown, whole and unchanged; create a new one if it is lost', create)]
    case 'credential_unknown':
      return [fix('Use a key of this environment; create a new one if it is lost', create)]
    case 'credential_wrong_environment':
      return [fix(`Use a key of environment ${environment}`, `${create} --environment ${environment}`)]
    case 'credential_expired':
    case 'credential_revoked':
      return [fix('Create another key', create)]
    case 'credential_disabled':
      return [
        fix('Switch the key on again', principal === null ? null : `headgate keys enable ${principal.credential_id}`),
      ]
    case 'consumer_disabled':
      return [
        fix(
          'Switch the consumer on again',
          principal === null ? null : `headgate consumers enable ${principal.consumer}`,
        ),
      ]
    case 'address_not_allowed':
      return [
        fix(
          `Call from ${needed.join(' or ') || 'an address of the key'}, or create a key that admits ${address}`,
          `${create} --address ${address}`,
        ),
      ]
    case 'access_undecided':
      return [
        fix(
          `Write an access policy on route ${route}, its service ${service} or the environment`,
          'headgate export > headgate.yaml',
        ),
      ]
    case 'scope_missing': {
      const missing = needed.filter((scope) => !had.includes(scope)).map((scope) => ` --scope ${scope}`)
      return [
        fix(
          'Give the key the scope',
          principal === null ? null : `headgate keys grant ${principal.credential_id}${missing.join('')}`,
        ),
      ]
    }
    case 'limit_exceeded':
      return [
        fix(`Wait ${Math.ceil(refused.retryAfterMs / 1000)} s`),
        fix('Or raise the limit', rule === null ? null : `headgate policies get ${rule.name}`),
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
    case 'upstream_overloaded':
      return [
        fix(`See how many requests service ${service} has in flight`, `headgate services get ${service}`),
        fix('Or raise the bounds of its breaker'),
      ]
    case 'upstream_unreachable':
    case 'upstream_failed':
    case 'upstream_timeout':
      return [fix(`See whether the targets of service ${service} answer`, `headgate services get ${service}`)]
    default:
      return [fix('Send a request that can be read in one way only')]
  }
}

function carrier(release: CompiledRelease | null, route: string | null): string {
  const [header] = release?.routes.get(route ?? '')?.access?.sources.apiKeyHeaders ?? []
  return header === undefined ? 'Authorization: Bearer' : `${header} or Authorization: Bearer`
}

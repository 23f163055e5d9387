/**
 * Part of `compile`: issuers and roles.
 *
 * @module
 */
import type { Priority } from '#core/kinds/role.ts'
import type { CompiledIntrospection, CompiledIssuer } from '#core/release.ts'
import type { ReadObject } from './read-objects.ts'
import type { Specs } from './spec.ts'

type IssuerSpec = Specs['issuer']

/**
 * By name. Two objects may be the same `iss`, each with an audience of its own, as long as no policy accepts both: that
 * is checked with the policies.
 */
export function compileIssuers(objects: readonly ReadObject<'issuer'>[]): ReadonlyMap<string, CompiledIssuer> {
  return new Map(objects.map(({ name, spec, subject }) => [name, compileIssuer(name, subject.origin, spec)]))
}

function compileIssuer(name: string, origin: string, spec: IssuerSpec): CompiledIssuer {
  return {
    name,
    origin,
    issuer: spec.issuer,
    keys: keysOf(spec.keys),
    introspection: introspectionOf(spec.introspection),
    rules: {
      issuer: spec.issuer,
      audiences: spec.audiences,
      clockSkewMs: spec.clock_skew_ms,
      lifeMsMax: spec.token_life_ms_max ?? 0,
      types: spec.token_types.map((type) => (type === 'none' ? '' : type)),
      required: spec.required_claims.map(({ claim, values }) => ({ path: claim, values })),
      algorithms: spec.algorithms,
    },
    consumerClaim: spec.consumer_claim,
    admitsUnknown: spec.unknown_consumers === 'admit',
    scopeClaim: spec.scope_claim,
    roleClaim: spec.role_claim ?? null,
    keysStaleMsMax: spec.keys_stale_ms_max,
    privateAddresses: spec.private_addresses,
    ca: spec.ca ?? null,
  }
}

function keysOf(keys: IssuerSpec['keys']): CompiledIssuer['keys'] {
  if (keys === undefined) return null
  if ('jwks' in keys) return { from: 'release', jwks: JSON.stringify(keys.jwks) }
  return 'jwks_url' in keys ? { from: 'url', url: keys.jwks_url } : { from: 'discovery' }
}

function introspectionOf(spec: IssuerSpec['introspection']): CompiledIntrospection | null {
  if (spec === undefined) return null
  return {
    url: spec.url,
    client: compileClient(spec.client),
    cacheMs: spec.cache_ms,
    timeoutMs: spec.timeout_ms,
  }
}

/** Who the agent is to an issuer. */
export function compileClient(
  client: NonNullable<IssuerSpec['introspection']>['client'],
): CompiledIntrospection['client'] {
  if (client.method === 'client_secret_basic') {
    return { method: client.method, clientId: client.client_id, secret: client.secret }
  }
  return {
    method: client.method,
    clientId: client.client_id,
    key: client.key,
    keyId: client.key_id ?? null,
    algorithm: client.algorithm,
  }
}

/** Scopes by the name of the role. */
export function compileRoles(objects: readonly ReadObject<'role'>[]): ReadonlyMap<string, readonly string[]> {
  return new Map(objects.map(({ name, spec }) => [name, [...new Set(spec.scopes)].toSorted()]))
}

/** By the name of the role; those without a priority are left out. */
export function compileRolePriorities(objects: readonly ReadObject<'role'>[]): ReadonlyMap<string, Priority> {
  return new Map(objects.flatMap(({ name, spec: { priority } }) => (priority === undefined ? [] : [[name, priority]])))
}

/**
 * What `compile` makes: a release in the form in which requests are decided.
 *
 * Everything here is built once per release and shared by all requests; nothing in it is ever changed.
 *
 * @module
 */
import type { CompiledTimeWindow } from './access/times.ts'
import type { CompiledLimit } from './compile.ts'
import type { AddressRange } from './credentials/addresses.ts'
import type { CertificateIdentity, CredentialKind } from './credentials/kinds.ts'
import type { TlsProfile } from './kinds/certificate.ts'
import type { RateLimitFields } from './kinds/settings.ts'
import type { Priority } from './kinds/role.ts'
import { treesHaveHost } from './match/hosts.ts'
import type { RouteIndex } from './match/match.ts'
import type { ClaimRules } from './tokens/claims.ts'
import type { SignatureAlgorithm } from './tokens/jws.ts'

/** Where the policy in effect sits. */
export type PolicyOrigin = 'environment' | 'service' | 'route'

/** An API that is protected, ready to be forwarded to. */
export interface CompiledService {
  readonly name: string
  readonly origin: string
  readonly owner: string
  readonly dataLabel: 'open' | 'internal' | 'personal' | 'card' | 'health'
  /** Never empty, each once. */
  readonly targets: readonly CompiledTarget[]
  /** What the targets speak; HTTP/2 over `http://` with prior knowledge (RFC 9113 section 3.3). */
  readonly protocol: 'http1' | 'http2'
  /** Longest wait for a connection. */
  readonly connectTimeoutMs: number
  /** Longest wait for the head of the response, in each attempt. */
  readonly responseTimeoutMs: number
  /** Longest time from the head of the request to the end of the response; null: no bound. */
  readonly requestTimeoutMs: number | null
  /** Longest silence in the middle of a response; 0: no bound; null: what the agent is set to. */
  readonly streamIdleMs: number | null
  readonly balancing: CompiledBalancing
  readonly health: CompiledHealth
  /** In each serving thread; null: what the agent is set to. */
  readonly breaker: {
    readonly requestsMax: number | null
    readonly pendingMax: number | null
    readonly connectionsMax: number | null
  }
  /** How much it has waiting for an answer at a time, in each serving thread. */
  readonly overload: {
    /** Whether less is sent to it when it shows that it has too much. */
    readonly isAdaptive: boolean
    /** So much is always sent to it. */
    readonly concurrencyMin: number
    /** Never more than this; null: as much as there is. */
    readonly concurrencyMax: number | null
  }
  readonly retries: {
    /** Attempts for one request, the first included. */
    readonly attemptsMax: number
    /** Second attempts per hundred requests. */
    readonly budgetPercent: number
    /** Whether an attempt that took too long is followed by another one. */
    readonly onTimeout: boolean
  }
  /** Null: as usual, with the public authorities. */
  readonly tls: CompiledTargetTls | null
  readonly identity: CompiledIdentity
  /** Null: the agent does not prove itself. */
  readonly authentication: CompiledAuthentication | null
  /** Fields that only the agent may set, lower case, each once, without those that no service gets from a caller. */
  readonly reservedHeaders: readonly string[]
}

/** What a service is told about the caller. Names of fields are lower case. */
export interface CompiledIdentity {
  /** Null: it is not told. */
  readonly headers: {
    readonly consumer: string | null
    readonly credential: string | null
    readonly scopes: string | null
    readonly roles: string | null
  }
  readonly claims: readonly { readonly path: readonly string[]; readonly header: string }[]
  /** Null: it gets none. */
  readonly token: CompiledIdentityToken | null
}

/** A signed token that says who calls. */
export interface CompiledIdentityToken {
  readonly audience: string
  readonly header: string
  readonly lifeMs: number
  /** Paths of claims that are in it. */
  readonly claims: readonly (readonly string[])[]
}

/** How the agent proves itself to a service. `secret`, and what is secret of `client`, are secret references. */
export type CompiledAuthentication =
  | { readonly kind: 'header'; readonly header: string; readonly prefix: string; readonly secret: string }
  | { readonly kind: 'basic'; readonly username: string; readonly secret: string }
  | {
      readonly kind: 'oauth'
      readonly tokenUrl: string
      readonly client: CompiledIntrospection['client']
      /** Whom a statement of the client about itself is for. */
      readonly issuer: string
      readonly scopes: readonly string[]
      readonly audience: string | null
      readonly resource: string | null
      readonly privateAddresses: boolean
      /** Authorities in PEM; null: the public ones. */
      readonly ca: string | null
    }

/** One address behind a service. */
export interface CompiledTarget {
  /** `http://` or `https://`, host and port, without a path and without the usual port. */
  readonly url: string
  /** 1 to 1,000. */
  readonly weight: number
  readonly zone: string | null
}

/** Which target a request goes to. */
export interface CompiledBalancing {
  readonly algorithm: 'round_robin' | 'least_request' | 'consistent_hash'
  /** What `consistent_hash` goes by. */
  readonly hashOn: 'consumer' | 'address' | 'header'
  /** Lower case; empty unless `hashOn` is `header`. */
  readonly hashHeader: string
  /** 0: none. */
  readonly slowStartMs: number
  /** Share of usable targets in the agent's zone below which others are used too; null: zones do not matter. */
  readonly zonePanicPercent: number | null
}

/** Which targets can be used. */
export interface CompiledHealth {
  /** Null: targets are not asked. */
  readonly active: CompiledActiveHealth | null
  readonly passive: {
    /** Failures in a row. */
    readonly failures: number
    /** Longest pause between two of them. */
    readonly windowMs: number
    readonly statuses: readonly number[]
    readonly ejectMs: number
    readonly ejectedMaxPercent: number
  }
  /** Share of usable targets below which all are used. */
  readonly panicPercent: number
}

/** How targets are asked. */
export interface CompiledActiveHealth {
  readonly path: string
  /** Null: that of the target. */
  readonly host: string | null
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
  /** Null: 200 to 299. */
  readonly statuses: readonly number[] | null
}

/** How `https://` targets are spoken to. */
export interface CompiledTargetTls {
  /** PEM; null: the public authorities. */
  readonly ca: string | null
  /** Null: the host of the target. */
  readonly serverName: string | null
  /** `chain` is PEM, `key` a secret reference that is resolved on the agent; null: none is presented. */
  readonly certificate: { readonly chain: string; readonly key: string } | null
}

/** Who may call: everybody, or the holder of a credential, and on what conditions. */
export interface CompiledAccess {
  readonly policy: string
  readonly origin: string
  readonly from: PolicyOrigin
  /** Who answers for the route being public, and why it is; null when a credential is needed. */
  readonly public: { readonly owner: string; readonly reason: string } | null
  readonly sources: CompiledSources
  /** All are needed. Sorted, each once. */
  readonly scopes: readonly string[]
  /** Where a request may come from; null: from everywhere. */
  readonly addresses: CompiledAddresses | null
  /** What else is needed; null: nothing. */
  readonly conditions: CompiledConditions | null
}

/** What a caller may present. */
export interface CompiledSources {
  /** Each once, in the order of the policy; empty for a public route. */
  readonly kinds: readonly CredentialKind[]
  /** Lower-case names of the fields that may carry an API key, beside `Authorization: Bearer`; empty: none counts. */
  readonly apiKeyHeaders: readonly string[]
  /** Query parameters that may carry an API key. */
  readonly apiKeyQuery: readonly string[]
  /** Issuers whose tokens are accepted. */
  readonly tokens: readonly CompiledTokenSource[]
  /** What of a client certificate is looked for, in this order; null: certificates prove nobody. */
  readonly certificate: readonly CertificateIdentity[] | null
  /** Null: signatures prove nobody. */
  readonly signature: { readonly covered: readonly string[]; readonly ageMsMax: number } | null
}

/** An issuer whose tokens are accepted. */
export interface CompiledTokenSource {
  readonly kind: 'jwt' | 'introspection'
  /** Name of the `issuer` object. */
  readonly issuer: string
  /** Whether a token must be bound to a key or certificate that the caller proves. One that is bound always must. */
  readonly mustBeBound: boolean
}

/** Where a request may come from. */
export interface CompiledAddresses {
  /** Null: from everywhere. */
  readonly allow: readonly AddressRange[] | null
  readonly deny: readonly AddressRange[]
}

/** What is needed beside a credential with all scopes. All of it. */
export interface CompiledConditions {
  /** One of these is needed; empty: none is. Sorted, each once; so are the next two. */
  readonly scopesAny: readonly string[]
  readonly roles: readonly string[]
  /** Names of consumers. */
  readonly consumers: readonly string[]
  /** Empty: at all times. */
  readonly times: readonly CompiledTimeWindow[]
  /** In CEL; null: none. */
  readonly expression: string | null
}

/** Somebody whose tokens prove who calls. */
export interface CompiledIssuer {
  readonly name: string
  readonly origin: string
  /** `iss`, to the letter. */
  readonly issuer: string
  /** Where its keys are; null: it is asked about each token. */
  readonly keys:
    | { readonly from: 'discovery' }
    | { readonly from: 'url'; readonly url: string }
    /** `jwks` is the JSON text of a JWK set. */
    | { readonly from: 'release'; readonly jwks: string }
    | null
  /** Null: its tokens are checked with its keys. */
  readonly introspection: CompiledIntrospection | null
  readonly rules: TokenRules
  readonly consumerClaim: readonly string[]
  /** Whether a caller that is no consumer here is admitted, called by what the claim says. */
  readonly admitsUnknown: boolean
  readonly scopeClaim: readonly string[]
  /** Null: its tokens name no roles. */
  readonly roleClaim: readonly string[] | null
  /** How long known keys count while the issuer does not answer. */
  readonly keysStaleMsMax: number
  /** Whether it may be at an address of a private network, or without TLS. */
  readonly privateAddresses: boolean
  /** Authorities in PEM; null: the public ones. */
  readonly ca: string | null
}

/** How an issuer is asked about a token (RFC 7662). */
export interface CompiledIntrospection {
  readonly url: string
  /** Who the agent is to the issuer; `secret` and `key` are secret references. */
  readonly client:
    | { readonly method: 'client_secret_basic'; readonly clientId: string; readonly secret: string }
    | {
        readonly method: 'private_key_jwt'
        readonly clientId: string
        readonly key: string
        readonly keyId: string | null
        readonly algorithm: 'ES256' | 'PS256' | 'RS256' | 'EdDSA'
      }
  readonly cacheMs: number
  readonly timeoutMs: number
}

/** What the tokens of an issuer must be like. */
export interface TokenRules extends ClaimRules {
  readonly algorithms: readonly SignatureAlgorithm[]
}

/** Whether HTTPS is needed, and what browsers are told about it. */
export interface CompiledHttps {
  readonly policy: string
  readonly origin: string
  readonly from: PolicyOrigin
  /** What becomes of a request without TLS. */
  readonly plain: 'redirect' | 'refuse' | 'allow'
  /** Where redirects lead: empty for the usual port, else with a colon in front. */
  readonly portSuffix: string
  /** Value of Strict-Transport-Security; null: nothing is said. */
  readonly hsts: string | null
}

/** What holds for an environment as a whole. */
export interface CompiledSettings {
  /** How callers are told about limits. */
  readonly rateLimitFields: RateLimitFields
}

/** One way into a service, with everything that is decided about it. */
export interface CompiledRoute {
  readonly name: string
  readonly origin: string
  readonly service: CompiledService
  readonly exposure: 'public' | 'internal'
  /** As written; empty: all. */
  readonly methods: readonly string[]
  readonly path: string
  /** Whether trailers pass, beside those of gRPC calls. */
  readonly trailers: boolean
  /** Whether a request may become a WebSocket connection. */
  readonly websocket: boolean
  /** Null: nobody has decided, so nobody may call. */
  readonly access: CompiledAccess | null
  /** All of them apply. In the order of the policy names. */
  readonly limits: readonly CompiledLimit[]
  /** Null: it does not matter. */
  readonly https: CompiledHttps | null
  /** Longest body of a request, in bytes; null: what the agent is set to. */
  readonly bodyBytesMax: number | null
  /** Equal for routes with the same policies, different for all others. */
  readonly guard: number
}

/** What HTTPS listeners present for some server names. */
export interface CompiledCertificate {
  readonly name: string
  readonly origin: string
  readonly hosts: readonly string[]
  /** PEM, the leaf first. */
  readonly chain: string
  /** Secret reference to the private key; resolved on the agent. */
  readonly key: string
  /** With a key of another kind; null: there is none. */
  readonly alternative: { readonly chain: string; readonly key: string } | null
  /** Null: what the agent is set to. */
  readonly profile: TlsProfile | null
  /** Null: no client is asked for a certificate. `ca` and `crl` are PEM; a `crl` that is null: nothing is revoked. */
  readonly clientCertificates: {
    readonly mode: 'optional' | 'required'
    readonly ca: string
    readonly crl: string | null
  } | null
}

/** One policy as it applies to one route, for people. */
export interface EffectivePolicyEntry {
  readonly name: string
  readonly origin: string
  readonly from: PolicyOrigin
  /** With the defaults filled in. */
  readonly spec: Readonly<Record<string, unknown>>
}

/** Everything that applies to one route, and where it comes from. */
export interface EffectivePolicy {
  /** Null: nobody has decided. */
  readonly access: EffectivePolicyEntry | null
  /** In the order of the names. */
  readonly limits: readonly EffectivePolicyEntry[]
  /** Null: HTTPS does not matter. */
  readonly https: EffectivePolicyEntry | null
  /** Null: size does not matter. */
  readonly size: EffectivePolicyEntry | null
}

/** A release that can decide. Made by `compile` only. */
export interface CompiledRelease {
  readonly tenant: string
  readonly environment: string
  readonly number: number
  readonly certificates: readonly CompiledCertificate[]
  /** By the hosts of the certificates, exact or `*.name`. */
  readonly certificateByHost: ReadonlyMap<string, CompiledCertificate>
  /** Whether some host is reached with a client certificate only. */
  readonly requiresClients: boolean
  /** Hosts that some route serves, sorted: exact names, `*.name` for one more label, `*` for every host. */
  readonly hosts: readonly string[]
  readonly settings: CompiledSettings
  /** By name. */
  readonly issuers: ReadonlyMap<string, CompiledIssuer>
  /** Scopes of each role, by its name. */
  readonly roles: ReadonlyMap<string, readonly string[]>
  /** Of those roles that have one, by the name of the role. */
  readonly rolePriorities: ReadonlyMap<string, Priority>
  /** By name. */
  readonly services: ReadonlyMap<string, CompiledService>
  /** By name. */
  readonly routes: ReadonlyMap<string, CompiledRoute>
  /** By the name of the route. */
  readonly effective: ReadonlyMap<string, EffectivePolicy>
  /** Finds the route of a request; opaque to everybody but `decide`. */
  readonly index: RouteIndex
}

/** Hosts that some route serves, sorted: exact names, `*.name` for one more label, `*` for every host. */
export function releaseHosts(release: CompiledRelease): readonly string[] {
  return release.hosts
}

/**
 * What applies to one route.
 *
 * @returns null when the release has no such route.
 */
export function effectivePolicy(release: CompiledRelease, routeName: string): EffectivePolicy | null {
  return release.effective.get(routeName) ?? null
}

/**
 * What is presented for a host: an exact name first, then `*.name`.
 *
 * @param host as in `Facts`.
 * @returns null when nothing is: the host cannot be reached over HTTPS.
 */
export function certificateFor({ certificateByHost: all }: CompiledRelease, host: string): CompiledCertificate | null {
  const dot = host.indexOf('.')
  return all.get(host) ?? (dot === -1 ? undefined : all.get(`*${host.slice(dot)}`)) ?? null
}

/**
 * Whether some route could serve a host: how an agent finds the environment of a request.
 *
 * @param host as in `Facts`.
 */
export function servesHost(release: CompiledRelease, host: string): boolean {
  return treesHaveHost(release.index.strict, host)
}

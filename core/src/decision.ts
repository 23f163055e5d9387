/**
 * What a decision is, what it is made from, and the two ports through which it has effects.
 *
 * @module
 */
import type { Bans } from './access/bans.ts'
import type { CompiledLimit } from './compile.ts'
import type { CertificateIdentity, CredentialKind } from './credentials/kinds.ts'
import type { LimitAlgorithm } from './kinds/limit.ts'
import type { RateLimitFields } from './kinds/settings.ts'
import type { Gate, Reason } from './reasons.ts'
import type { CompiledTokenSource } from './release.ts'
import type { JsonObject } from './tokens/strict-json.ts'

/** A client certificate that one of our authorities vouches for. */
export interface VerifiedPeer {
  readonly kind: 'verified'
  /** Name of the `certificate` object that the client was presented. */
  readonly certificate: string
  /** PEM of those that vouch for it, as that object has them. */
  readonly authorities: string
  /** Of the certificate's DER, in lower-case hexadecimal. */
  readonly sha256: string
  /** One attribute per line, such as `CN=ci`; may be empty. */
  readonly subject: string
  /** Subject alternative names, such as `URI:spiffe://acme/ci` or `DNS:ci.acme.test`. */
  readonly names: readonly string[]
  /** In milliseconds since 1970-01-01 UTC. */
  readonly notAfterMs: number
}

/** A client certificate that was presented in the handshake. One that is not verified says nothing about anybody. */
export type TlsPeer =
  | VerifiedPeer
  | { readonly kind: 'unverified'; readonly certificate: string; readonly sha256: string; readonly why: string }

/** A request as it arrived, before anybody interpreted it. */
export interface RequestHead {
  readonly method: string
  /** Origin-form target: path and query, byte for byte (as latin-1 text). */
  readonly target: string
  /** As the caller used it: beyond the declared proxies, where there are some. */
  readonly scheme: 'http' | 'https'
  /** Of the caller, without port; IPv4-mapped IPv6 is given as IPv4. */
  readonly address: string
  /** Source address of the connection, where it is that of a declared proxy; absent: it is the caller's. */
  readonly peerAddress?: string
  /** Whether what a declared proxy says about the caller is malformed or contradicts itself. */
  readonly isChainInvalid?: boolean
  /** Client certificate of the connection; absent or null: none. */
  readonly peer?: TlsPeer | null
  /**
   * Every value of a field in order of arrival; empty when absent.
   *
   * @param name lower case.
   */
  header(name: string): readonly string[]
}

/** A request that every reader understands in the same way. */
export interface Facts {
  readonly method: string
  /** Lower case, without port and trailing dot. */
  readonly host: string
  /** Decoded where decoding is unambiguous; what is matched is what is forwarded. Starts with `/`. */
  readonly path: string
  /** From `?` on, as it arrived; empty when there is none. */
  readonly query: string
  readonly scheme: 'http' | 'https'
  readonly address: string
  readonly peer: TlsPeer | null
  header(name: string): readonly string[]
}

/** A credential that was found on a request. `text` is secret: never logged, recorded or returned. */
export type Credential =
  | { readonly kind: 'api_key'; readonly text: string }
  /** `sources`: whose tokens the policy accepts. `scheme` is how it was presented (RFC 6750, RFC 9449). */
  | {
      readonly kind: 'token'
      readonly text: string
      readonly scheme: 'bearer' | 'dpop'
      readonly sources: readonly CompiledTokenSource[]
    }
  | {
      readonly kind: 'mtls'
      readonly peer: VerifiedPeer
      /** What of it is looked for, in this order. */
      readonly identities: readonly CertificateIdentity[]
    }
  | { readonly kind: 'signature'; readonly covered: readonly string[]; readonly ageMsMax: number }

/** The proven caller of one request. */
export interface Principal {
  /** Empty: the caller is no consumer here, but its issuer says who it is. */
  readonly consumerId: string
  /** Name of the consumer. */
  readonly consumer: string
  /** Id of the API key, certificate or signing key; of a token `issuer:name`. */
  readonly credentialId: string
  readonly credentialKind: CredentialKind
  /** For people, such as `…Qd4x`. */
  readonly credentialHint: string
  /** Those of the credential. What its roles add depends on the release. */
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** What its token says; null: it has none. */
  readonly claims: JsonObject | null
  /** To what the caller proved to have the credential is bound. */
  readonly boundTo: 'certificate' | 'key' | null
  /** When the credential ends, in milliseconds since 1970-01-01 UTC; 0: never. */
  readonly expiresAtMs: number
  /** Those of the credential itself, beside those of the route. */
  readonly limits: readonly CompiledLimit[]
  /**
   * By what its API key is found in the directory again: SHA-256, one character for each byte. Absent: it has none, or
   * whoever found it does not say. Not to be told to anybody.
   */
  readonly lookup?: string
  /** Its credential was laid out as bait: never on one that is proven. */
  readonly decoy?: true
}

/** Answer of the `verify` port. `principal` of a denied one: who it would have been, when that is known. */
export type Verified =
  | { readonly kind: 'proven'; readonly principal: Principal }
  | {
      readonly kind: 'denied'
      readonly reason: Reason
      readonly principal: Principal | null
      /** What would have been needed, such as address ranges, when that can be said. */
      readonly needed?: readonly string[]
      /** When to come back, in milliseconds from now. */
      readonly retryAfterMs?: number
    }

/** What a request asks from one limit. */
export interface LimitDemand {
  readonly limit: CompiledLimit
  /** What is counted apart, such as `cns_01…`; unique together with the limit. */
  readonly key: string
  /** Units that it takes when it is admitted. 0 where bytes are counted: they are, once they have passed. */
  readonly cost: number
}

/** State of a limit after a demand. Times are in milliseconds from now. */
export interface LimitState {
  /** Name of the policy. */
  readonly policy: string
  readonly algorithm: LimitAlgorithm
  readonly unit: 'requests' | 'bytes'
  readonly amount: number
  readonly windowMs: number
  /** Whole units that may come at once now. */
  readonly remaining: number
  /** Until the limit is whole again. Unknown for `concurrency`: 0. */
  readonly resetMs: number
  /** Until one more request passes; 0 when one passes now. */
  readonly retryAfterMs: number
  /** Whether it refused. One that is `shadow` refuses for the record only. */
  readonly exceeded: boolean
  readonly shadow: boolean
}

/**
 * Answer of the `take` port: all demands are taken or none, but those of shadow limits, which are taken where they can
 * be whenever the request passes. `states` is in the order of the demands; `exceeded` is the index of the first that
 * refused, never of a shadow limit. `limit`: the index of the one that cannot be checked, and must be; default: 0.
 */
export type Taken =
  | { readonly kind: 'taken'; readonly states: readonly LimitState[] }
  | { readonly kind: 'exceeded'; readonly states: readonly LimitState[]; readonly exceeded: number }
  | { readonly kind: 'unavailable'; readonly limit?: number }

/** One step of a decision, for people. */
export interface TraceStep {
  readonly gate: Gate
  readonly outcome: 'passed' | 'stopped' | 'not_reached'
  /** One short sentence. Never a secret. */
  readonly detail: string
}

/** The effects of a decision. Each answers at once where it can: the usual request makes no promise. */
export interface DecisionPorts {
  /** The clock, in milliseconds since 1970-01-01 UTC. */
  now(): number
  /** Who is shut out; null or absent: nobody is. */
  bans?(): Bans | null
  /** Proves a credential. Never throws for a bad credential: that is a `denied` value. */
  verify(credential: Credential, facts: Facts): Verified | Promise<Verified>
  /** Takes what is asked from each limit, or from none of them. */
  take(demands: readonly LimitDemand[]): Taken | Promise<Taken>
  /** Called once per step when present; absent on the hot path, so that no trace is built. */
  trace?(step: TraceStep): void
}

/** The object that decided. */
export interface RuleReference {
  readonly kind: string
  readonly name: string
  /** Such as `headgate.yaml:14`; empty when it was written through the admin API. */
  readonly origin: string
}

/** Outcome for one request. Always built with the same fields in the same order. */
export interface Decision {
  readonly outcome: 'allow' | 'deny'
  /** `allowed`, or why not. */
  readonly reason: Reason | 'allowed'
  /** HTTP status of a refusal; 200 for `allow`. */
  readonly status: number
  /** Name of the matched route; null when none matched. */
  readonly route: string | null
  /** Name of its service. */
  readonly service: string | null
  readonly principal: Principal | null
  /** The object that decided; null before a route is matched and for an undecided route. */
  readonly rule: RuleReference | null
  /** Scopes, methods or credential kinds that were needed. */
  readonly needed: readonly string[]
  /** What the caller had of that kind. */
  readonly had: readonly string[]
  /** Limits that were asked, in the order of the policy names. */
  readonly limits: readonly LimitState[]
  /**
   * What has to be settled when the request has ended, once: concurrency is given back, and bytes are charged. Empty
   * for most requests, and for every refusal.
   */
  readonly unsettled: readonly LimitDemand[]
  /**
   * Index in `limits` of the tightest: the first that refuses, else the one with the smallest remaining share; never one
   * of a shadow limit; -1: none.
   */
  readonly tightest: number
  /** How the caller is told about them. */
  readonly limitFields: RateLimitFields
  /** Header fields that carried the credential and must not reach the service; lower case. */
  readonly credentialHeaders: readonly string[]
  /** Query parameters that carried it and must not reach the service. */
  readonly credentialQuery: readonly string[]
  /** Methods for `Allow` on 405 (RFC 9110 section 10.2.1). */
  readonly allow: readonly string[]
  /** Where a redirect leads; null: nowhere. */
  readonly location: string | null
  /** What browsers are told with Strict-Transport-Security (RFC 6797); null: nothing. */
  readonly hsts: string | null
  /** When to come back, in milliseconds, where that is not what a limit says; 0: nothing is said. */
  readonly retryAfterMs: number
}

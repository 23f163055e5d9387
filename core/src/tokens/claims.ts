/**
 * Judges the claims of a token whose signature is, or will be, proven: who made it, for whom, when, and what it must say.
 *
 * Claims of the wrong JSON type are no claims: they refuse the token, they are not converted. Times are read strictly,
 * because a comparison with what is not a number would be false and could pass for "not expired".
 *
 * Sources: RFC 7519 section 4.1, RFC 9068 section 2.2 and 4, RFC 8725 section 3.8, 3.9 and 3.11.
 *
 * @module
 */
import type { JsonObject } from './strict-json.ts'

/** What an issuer's tokens must say. */
export interface ClaimRules {
  /** `iss`, to the letter. */
  readonly issuer: string
  /** `aud` must hold one of these. Never empty. */
  readonly audiences: readonly string[]
  /** How far clocks may differ, in milliseconds. */
  readonly clockSkewMs: number
  /** Longest life of a token, from `iat` to `exp`, in milliseconds; 0: not bounded. Then `iat` is needed. */
  readonly lifeMsMax: number
  /** Values of `typ` that are accepted, lower case; empty: every one, and none. */
  readonly types: readonly string[]
  /** Claims that must be there, each with the values that are accepted; no values: every one. */
  readonly required: readonly RequiredClaim[]
}

export interface RequiredClaim {
  readonly path: readonly string[]
  readonly values: readonly string[]
}

/** Why a token is refused. */
export type ClaimProblem = 'type' | 'issuer' | 'audience' | 'expired' | 'not_yet_valid' | 'claims'

/** What a token that is in order says. Times are in milliseconds since 1970-01-01 UTC. */
export type JudgedClaims =
  | { readonly kind: 'good'; readonly expiresAtMs: number }
  | { readonly kind: 'bad'; readonly problem: ClaimProblem }

/** Seconds that are whole and below this are exact, also in milliseconds. */
const SECONDS_MAX = 9_007_199_254_740

/** @param type of `Jws`. */
export function judgeClaims(claims: JsonObject, type: string, rules: ClaimRules, nowMs: number): JudgedClaims {
  if (rules.types.length > 0 && !rules.types.includes(type)) return bad('type')
  if (claims['iss'] !== rules.issuer) return bad('issuer')
  if (!isFor(claims['aud'], rules.audiences)) return bad('audience')
  const { clockSkewMs, lifeMsMax } = rules
  const expires = time(claims['exp'])
  const notBefore = claims['nbf'] === undefined ? 0 : time(claims['nbf'])
  const issued = claims['iat'] === undefined ? null : time(claims['iat'])
  if (expires === null || notBefore === null) return bad('claims')
  if (claims['iat'] !== undefined && issued === null) return bad('claims')
  if (nowMs >= expires + clockSkewMs) return bad('expired')
  if (nowMs < notBefore - clockSkewMs || (issued !== null && nowMs < issued - clockSkewMs)) return bad('not_yet_valid')
  if (lifeMsMax > 0 && (issued === null || expires - issued > lifeMsMax)) return bad('claims')
  for (const { path, values } of rules.required) if (!hasClaim(claims, path, values)) return bad('claims')
  return { kind: 'good', expiresAtMs: expires }
}

/** The text at a path of claims; null when there is none. */
export function claimText(claims: JsonObject, path: readonly string[]): string | null {
  const value = claimAt(claims, path)
  return typeof value === 'string' && value !== '' ? value : null
}

/**
 * The texts at a path of claims: a list of texts, or one text with words between spaces (RFC 8693 section 4.2 `scope`).
 *
 * @returns null when there is something else; empty when there is nothing.
 */
export function claimTexts(claims: JsonObject, path: readonly string[]): readonly string[] | null {
  const value = claimAt(claims, path)
  if (value === undefined) return []
  if (typeof value === 'string') return value.split(' ').filter((word) => word !== '')
  if (!Array.isArray(value)) return null
  return value.every((each): each is string => typeof each === 'string') ? value : null
}

/** What stands at a path of claims; undefined: nothing. */
export function claimAt(claims: JsonObject, path: readonly string[]): unknown {
  let at: unknown = claims
  for (const name of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, name)) return undefined
    at = (at as JsonObject)[name]
  }
  return at
}

function hasClaim(claims: JsonObject, path: readonly string[], values: readonly string[]): boolean {
  const value = claimAt(claims, path)
  if (value === undefined || value === null) return false
  if (values.length === 0) return true
  if (Array.isArray(value)) return value.some((each) => typeof each === 'string' && values.includes(each))
  return values.includes(typeof value === 'string' ? value : JSON.stringify(value))
}

/** RFC 7519 section 4.1.3: one text, or a list of texts. */
function isFor(audience: unknown, accepted: readonly string[]): boolean {
  if (typeof audience === 'string') return accepted.includes(audience)
  if (!Array.isArray(audience) || !audience.every((each) => typeof each === 'string')) return false
  return audience.some((each) => accepted.includes(each))
}

/** NumericDate, in milliseconds; null for what is none. Parts of a second are allowed and cut off towards refusal. */
function time(value: unknown): number | null {
  if (typeof value !== 'number' || !(value >= 0) || value > SECONDS_MAX) return null
  return Math.floor(value * 1_000)
}

function bad(problem: ClaimProblem): JudgedClaims {
  return { kind: 'bad', problem }
}

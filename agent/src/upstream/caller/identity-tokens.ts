/**
 * Short-lived tokens that say to a service who calls, signed with the key of the agent's own identity.
 *
 * A service checks them with the public keys that the control plane publishes, so it need not trust its network. One
 * token serves all requests of a caller to a service until half of its life is over: a signature costs more than
 * everything else that is done for a request.
 *
 * Sources: RFC 7519, RFC 7515, RFC 7518 section 3.4 (ES256), RFC 7638 (thumbprints), RFC 8725 section 3.11 (typ).
 *
 * @module
 */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from 'node:crypto'
import { claimAt, type CompiledIdentityToken, type JsonObject, type Principal } from '@headgate/core'

/** `typ`: nobody takes such a token for one of another kind. */
export const IDENTITY_TOKEN_TYPE = 'headgate-identity+jwt'

/** Longest token, in characters: as much as fits beside the head of a request. */
const LENGTH_MAX = 8_192
/** Callers without claims of their own of whom one service remembers tokens. */
const REMEMBERED_MAX = 10_000

/** Outcome of asking for a token. */
export type TokenMade =
  | { readonly kind: 'token'; readonly text: string }
  /** There is no key yet. */
  | { readonly kind: 'no_key' }
  | { readonly kind: 'too_long' }

interface Signed {
  readonly made: Extract<TokenMade, { kind: 'token' }>
  readonly principal: Principal
  /** Until when it is handed out, in milliseconds since 1970-01-01 UTC. */
  readonly untilMs: number
}

/** Tokens for one service. */
class Remembered {
  /** A proven token has claims that are one object as long as it is remembered. */
  readonly byClaims = new WeakMap<JsonObject, Signed>()
  readonly byCredential = new Map<string, Signed>()
}

interface Key {
  readonly key: KeyObject
  /** The first part of every token. */
  readonly header: string
}

const NO_KEY: TokenMade = { kind: 'no_key' }
const TOO_LONG: TokenMade = { kind: 'too_long' }

export class IdentityTokens {
  #key: Key | null = null
  #services = new WeakMap<CompiledIdentityToken, Remembered>()

  /**
   * Signs with another key from now on.
   *
   * @param pkcs8 DER, of P-256.
   * @throws when it is no such key.
   */
  useKey(pkcs8: Uint8Array): void {
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new TypeError('the key is not one of P-256')
    this.#key = { key, header: encode({ alg: 'ES256', typ: IDENTITY_TOKEN_TYPE, kid: keyId(key) }) }
    this.#services = new WeakMap()
  }

  /**
   * @param issuer `iss`: the environment that vouches for the caller.
   * @param nowMs since 1970-01-01 UTC.
   */
  of(rules: CompiledIdentityToken, issuer: string, principal: Principal, nowMs: number): TokenMade {
    if (this.#key === null) return NO_KEY
    const remembered = this.#remembered(rules)
    const known =
      principal.claims === null
        ? remembered.byCredential.get(principal.credentialId)
        : remembered.byClaims.get(principal.claims)
    if (known !== undefined && nowMs < known.untilMs && isSameCaller(known.principal, principal)) return known.made
    const text = make(this.#key, rules, issuer, principal, nowMs)
    if (text.length > LENGTH_MAX) return TOO_LONG
    const signed: Signed = { made: { kind: 'token', text }, principal, untilMs: nowMs + rules.lifeMs / 2 }
    if (principal.claims === null) {
      if (remembered.byCredential.size >= REMEMBERED_MAX) remembered.byCredential.clear()
      remembered.byCredential.set(principal.credentialId, signed)
    } else remembered.byClaims.set(principal.claims, signed)
    return signed.made
  }

  #remembered(rules: CompiledIdentityToken): Remembered {
    let remembered = this.#services.get(rules)
    if (remembered === undefined) {
      remembered = new Remembered()
      this.#services.set(rules, remembered)
    }
    return remembered
  }
}

function make(
  { key, header }: Key,
  rules: CompiledIdentityToken,
  issuer: string,
  principal: Principal,
  nowMs: number,
): string {
  const endsMs = nowMs + rules.lifeMs
  const claims: Record<string, unknown> = {}
  for (const path of rules.claims) {
    const value = principal.claims === null ? undefined : claimAt(principal.claims, path)
    if (value !== undefined) claims[path.join('.')] = value
  }
  const payload = encode({
    iss: issuer,
    aud: rules.audience,
    sub: principal.consumer,
    iat: Math.floor(nowMs / 1_000),
    // It counts no longer than what it was made from.
    exp: Math.floor((principal.expiresAtMs === 0 ? endsMs : Math.min(endsMs, principal.expiresAtMs)) / 1_000),
    ...(principal.consumerId !== '' && { consumer_id: principal.consumerId }),
    credential: principal.credentialId,
    scope: principal.scopes.join(' '),
    roles: principal.roles,
    // In a place of their own: none of them can pass for one of ours.
    ...(rules.claims.length > 0 && { claims }),
  })
  const text = `${header}.${payload}`
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** RFC 7638: of the members that a key of this kind must have, in this order. */
function keyId(key: KeyObject): string {
  const { crv, kty, x, y } = createPublicKey(key).export({ format: 'jwk' })
  return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
}

/** Roles and times may have changed since; nearly always it is the very same object. */
function isSameCaller(one: Principal, other: Principal): boolean {
  if (one === other) return true
  return (
    one.credentialId === other.credentialId &&
    one.consumer === other.consumer &&
    one.consumerId === other.consumerId &&
    one.expiresAtMs === other.expiresAtMs &&
    isSameList(one.scopes, other.scopes) &&
    isSameList(one.roles, other.roles)
  )
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one === other || (one.length === other.length && one.every((text, index) => text === other[index]))
}

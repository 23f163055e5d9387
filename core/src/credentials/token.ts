/**
 * From what a token says to who calls: consumer, scopes, roles, and to what the token is bound.
 *
 * The token was proven before; here it is only read, by what its issuer is known to mean. A claim of the wrong type is
 * no claim.
 *
 * Sources: RFC 7519, RFC 8693 section 4.2 (scope), RFC 9068 section 2.2.3, RFC 8705 section 3.1 and RFC 9449 section
 * 6.1 (`cnf`).
 *
 * @module
 */
import type { Principal, TlsPeer, Verified } from '#core/decision.ts'
import type { CredentialReason } from '#core/reasons.ts'
import type { CompiledIssuer } from '#core/release.ts'
import { claimAt, claimText, claimTexts } from '#core/tokens/claims.ts'
import type { JsonObject } from '#core/tokens/strict-json.ts'

/** What the directory knows of a consumer. */
export interface ConsumerRecord {
  readonly id: string
  readonly name: string
  readonly disabled: boolean
  readonly roles: readonly string[]
}

/** A token that was proven. */
export interface ProvenClaims {
  readonly kind: 'jwt' | 'introspection'
  readonly claims: JsonObject
  /** `exp`, in milliseconds since 1970-01-01 UTC. */
  readonly expiresAtMs: number
}

/** @param findConsumer by name; null: there is none. */
export function judgeToken(
  issuer: CompiledIssuer,
  { kind, claims, expiresAtMs }: ProvenClaims,
  findConsumer: (name: string) => ConsumerRecord | null,
): Verified {
  const name = claimText(claims, issuer.consumerClaim)
  const scopes = claimWords(claims, issuer.scopeClaim)
  const named = issuer.roleClaim === null ? NONE : claimWords(claims, issuer.roleClaim)
  if (name === null || !isName(name) || scopes === null || named === null) return denied('token_claims_invalid', null)
  const consumer = findConsumer(name)
  const principal: Principal = {
    consumerId: consumer?.id ?? '',
    consumer: name,
    credentialId: `${issuer.name}:${name}`,
    credentialKind: kind,
    credentialHint: issuer.name,
    scopes,
    roles: consumer === null || consumer.roles.length === 0 ? named : [...new Set([...named, ...consumer.roles])],
    claims,
    boundTo: boundTo(claims),
    expiresAtMs,
    limits: [],
  }
  if (consumer === null && !issuer.admitsUnknown) return denied('consumer_unknown', principal)
  return consumer?.disabled === true ? denied('consumer_disabled', principal) : { kind: 'proven', principal }
}

const NONE: readonly string[] = []

/** Longest name of a caller, in characters. It is counted by, recorded and sent on. */
const NAME_LENGTH_MAX = 256

/** Control characters end lines where a name is sent on or shown. */
const isName = (text: string): boolean => text.length <= NAME_LENGTH_MAX && !/\p{Cc}/u.test(text)

/**
 * Names of scopes or roles. What cannot be one (RFC 6749 section 3.3 has no spaces) is left out: sent on in a list of
 * words, one text would become two rights.
 */
function claimWords(claims: JsonObject, path: readonly string[]): readonly string[] | null {
  const value = claimAt(claims, path)
  // As nearly all issuers write them.
  if (typeof value === 'string' && PLAIN_WORDS.test(value)) return value.split(' ')
  const texts = claimTexts(claims, path)
  if (texts === null || texts.every(isWord)) return texts
  return texts.filter(isWord)
}

/** Words of visible ASCII with one space between each. */
const PLAIN_WORDS = /^[!-~]+(?: [!-~]+)*$/

const isWord = (text: string): boolean => /^[^\s\p{Cc}]+$/u.test(text)

const denied = (reason: CredentialReason, principal: Principal | null): Verified => ({
  kind: 'denied',
  reason,
  principal,
})

/** What a token is bound to. `other`: to something that is not understood here, so that nobody can prove it. */
export type TokenBinding =
  | { readonly kind: 'none' }
  | { readonly kind: 'key'; readonly thumbprint: string }
  | { readonly kind: 'certificate'; readonly sha256: string }
  | { readonly kind: 'other' }

const UNBOUND: TokenBinding = { kind: 'none' }
const OTHER: TokenBinding = { kind: 'other' }

/** Reads `cnf`. `sha256` is base64url, as it stands there. */
export function tokenBinding({ cnf }: JsonObject): TokenBinding {
  if (cnf === undefined) return UNBOUND
  if (typeof cnf !== 'object' || cnf === null || Array.isArray(cnf)) return OTHER
  const members = Object.entries(cnf)
  const [name, value] = members[0] ?? []
  // Two are two conditions, of which we would prove one.
  if (members.length !== 1 || typeof value !== 'string' || value === '') return OTHER
  if (name === 'jkt') return { kind: 'key', thumbprint: value }
  return name === 'x5t#S256' ? { kind: 'certificate', sha256: value } : OTHER
}

function boundTo(claims: JsonObject): Principal['boundTo'] {
  const { kind } = tokenBinding(claims)
  return kind === 'key' || kind === 'certificate' ? kind : null
}

/** Whether a certificate is the one that a token is bound to (RFC 8705 section 3.1). Its holder proved it in TLS. */
export function isBoundCertificate(sha256: string, peer: TlsPeer | null): boolean {
  // The certificate need not be trusted (RFC 8705 section 6.2): that it is the same one is what counts.
  return peer !== null && base64urlOfHex(peer.sha256) === sha256
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function base64urlOfHex(hex: string): string {
  let text = ''
  // Three digits are two characters.
  for (let at = 0; at < hex.length; at += 3) {
    const part = hex.slice(at, at + 3)
    const bits = Number.parseInt(part.padEnd(3, '0'), 16)
    text += BASE64URL.charAt(bits >> 6)
    if (part.length > 1) text += BASE64URL.charAt(bits & 63)
  }
  return text
}

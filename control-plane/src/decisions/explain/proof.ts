/**
 * Checks the proof of a key (DPoP) that a request brings. Whether it was used before is for agents to know.
 *
 * Sources: RFC 9449 section 4.3.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { type CredentialReason, type Facts, readProof } from '@headgate/core'
import { isSignedBy, thumbprintOf } from './signatures.ts'

/** As agents have them, in milliseconds. */
const [AGE_MS_MAX, AHEAD_MS_MAX] = [60_000, 5_000]

/**
 * @param token that the proof is for.
 * @param thumbprint of the key to which the token is bound.
 * @returns null: it is proven.
 */
export function proofProblem(facts: Facts, token: string, thumbprint: string, nowMs: number): CredentialReason | null {
  const [text, ...others] = facts.header('dpop')
  if (text === undefined) return 'credential_unbound'
  const read = others.length > 0 ? null : readProof(text)
  if (read?.kind !== 'jws' || read.jws.type !== 'dpop+jwt') return 'proof_invalid'
  const { claims, header } = read.jws
  const { htm, htu, iat, jti, ath } = claims
  const jwk = header['jwk']
  if (typeof jwk !== 'object' || jwk === null || typeof jti !== 'string' || jti === '') return 'proof_invalid'
  const ageMs = typeof iat === 'number' ? nowMs - iat * 1_000 : NaN
  const isFor =
    htm === facts.method &&
    typeof htu === 'string' &&
    isAddressOf(htu, facts) &&
    ath === hash('sha256', token, 'base64url') &&
    ageMs <= AGE_MS_MAX &&
    ageMs >= -AHEAD_MS_MAX
  const key = jwk as Readonly<Record<string, unknown>>
  return isFor && thumbprintOf(key) === thumbprint && isSignedBy(text, read.jws, key) ? null : 'proof_invalid'
}

function isAddressOf(htu: string, { scheme, host, path }: Facts): boolean {
  const url = URL.parse(htu)
  if (url === null || url.protocol !== `${scheme}:` || url.username !== '' || url.password !== '') return false
  try {
    return url.hostname === host && decodeURIComponent(url.pathname) === decodeURIComponent(path)
  } catch {
    return false
  }
}

/**
 * What a credential begins with, as far as it is not secret: by this is noticed that many guess at one credential.
 *
 * | credential | prefix |
 * |---|---|
 * | API key | environment, and the first 6 of the 30 random characters: 143 bits stay unknown |
 * | token | issuer, and `sub`, `client_id` or `azp` as it claims; else the name of its key |
 * | token that cannot be read | issuer that is asked, and its first 6 characters |
 * | signed request | name of the key |
 * | client certificate | its first name of the kinds that are looked for |
 *
 * Nothing of it is proven. A prefix is hashed and forgotten; it is neither logged nor told.
 *
 * @module
 */
import { claimText, type Credential, type Facts, type ReadJws, readSignature } from '@headgate/core'
import { certificateNames } from './client-certificate.ts'

/** Characters of an API key that are not looked at: the last 24 of its random part, and the checksum. */
const API_KEY_REST = 24 + 1 + 6
const OPAQUE_LENGTH = 6
/** Longest name that is told apart, in characters. */
const NAME_LENGTH_MAX = 256

/** Whom a token may be about, the most telling first. */
const SUBJECTS = [['sub'], ['client_id'], ['azp']] as const

export function apiKeyPrefix({ text }: Extract<Credential, { kind: 'api_key' }>): string {
  return `api_key ${text.slice(0, Math.max(0, text.length - API_KEY_REST))}`
}

/** @param issuer name of the object that the token is of, or that is asked about it. */
export function tokenPrefix(issuer: string, text: string, read: ReadJws): string {
  if (read.kind !== 'jws') return `token ${issuer} text ${text.slice(0, OPAQUE_LENGTH)}`
  const { claims, keyId } = read.jws
  for (const subject of SUBJECTS) {
    const name = claimText(claims, subject)
    if (name !== null) return `token ${issuer} ${subject[0]} ${name.slice(0, NAME_LENGTH_MAX)}`
  }
  return `token ${issuer} key ${keyId ?? ''}`
}

export function signedPrefix(keyId: string): string {
  return `signature ${keyId.slice(0, NAME_LENGTH_MAX)}`
}

/** @returns null when nobody can say whose it is meant to be. */
export function requestPrefix(facts: Facts): string | null {
  const read = readSignature(facts)
  return read.kind === 'refused' ? null : signedPrefix(read.signature.keyId)
}

/** @returns null when it has no name that is looked for. */
export function certificatePrefix({ peer, identities }: Extract<Credential, { kind: 'mtls' }>): string | null {
  for (const kind of identities) {
    const [name] = certificateNames(peer, kind)
    if (name !== undefined) return `certificate ${name.slice(0, NAME_LENGTH_MAX)}`
  }
  return null
}

/**
 * Secrets of operators: tokens, session cookies and welcome codes.
 *
 * All are 43 random letters and digits (256 bits of chance), so a plain SHA-256 is stored and found by a unique index:
 * there is nothing to guess, and no comparison whose time could tell anything.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { randomBase62 } from '@headgate/kit/ids.ts'

/** Letters and digits of a secret. */
const LENGTH = 43

const SECRET = /^[0-9A-Za-z]{43}$/

export const TOKEN_PREFIX = { person: 'hgp_', service: 'hgs_' } as const

/** Name of the session cookie. `__Host-` binds it to this host, to HTTPS and to the path `/` (RFC 6265bis). */
export const SESSION_COOKIE = '__Host-headgate'

/** Life of a session, in milliseconds. */
export const SESSION_LIFE_MS = 12 * 3_600_000

/** Life of a welcome link, in milliseconds. */
export const WELCOME_LIFE_MS = 10 * 60_000

export function newSecret(): string {
  return randomBase62(LENGTH)
}

/** What is stored of a secret or token. */
export function hashSecret(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(text).digest())
}

/** Whether a text can be an operator token at all. */
export function isTokenText(text: string): boolean {
  return (text.startsWith(TOKEN_PREFIX.person) || text.startsWith(TOKEN_PREFIX.service)) && SECRET.test(text.slice(4))
}

export function isSecretText(text: string): boolean {
  return SECRET.test(text)
}

/** For people. */
export function secretHint(last4: string): string {
  return `…${last4}`
}

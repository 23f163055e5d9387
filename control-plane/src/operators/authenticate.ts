/**
 * Finds out who sent a request: an operator token, or the session cookie of the dashboard.
 *
 * A request with an `Authorization` field is judged by it alone: a bad token is never rescued by a cookie. Requests of
 * a session that change something must come from our own pages (`checkOrigin`).
 *
 * Sources: RFC 6750 section 2.1 (bearer tokens), RFC 6265 section 5.4 (cookies), Fetch standard (Sec-Fetch-Site).
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Database } from '@headgate/prisma'
import type { IncomingMessage } from 'node:http'
import { refuse } from '#control-plane/rest/refusal.ts'
import type { Caller } from './caller.ts'
import { SESSION_COOKIE, hashSecret, isSecretText, isTokenText } from './secrets.ts'
import { findBySession, findByToken } from './store.ts'

/** @throws Refusal `not_signed_in`. */
export async function authenticate(db: Database, clock: Clock, request: IncomingMessage): Promise<Caller> {
  const now = new Date(clock.now())
  const fields = request.headersDistinct['authorization'] ?? []
  if (fields.length > 0) {
    const token = fields.length === 1 ? /^bearer +([^ ]+) *$/i.exec(fields[0] ?? '')?.[1] : undefined
    const caller = token !== undefined && isTokenText(token) ? await findByToken(db, hashSecret(token), now) : null
    return caller ?? notSignedIn()
  }
  const secret = readSessionCookie(request.headersDistinct['cookie'] ?? [])
  const caller = secret === undefined ? null : await findBySession(db, hashSecret(secret), now)
  return caller ?? notSignedIn()
}

function notSignedIn(): never {
  return refuse('not_signed_in', undefined, { headers: { 'WWW-Authenticate': 'Bearer realm="headgate"' } })
}

/** Two cookies of this name are an attack or an accident: neither counts. */
function readSessionCookie(fields: readonly string[]): string | undefined {
  const values = fields
    .flatMap((field) => field.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${SESSION_COOKIE}=`))
    .map((pair) => pair.slice(SESSION_COOKIE.length + 1))
  const [value] = values
  return values.length === 1 && value !== undefined && isSecretText(value) ? value : undefined
}

/**
 * Refuses what another site makes a browser send.
 *
 * @param strict the cookie counts for this request, so it must prove that it comes from our own page: by the field that
 *   our client sends (other sites cannot without asking first) and by what the browser says about its origin.
 * @throws Refusal `csrf`.
 */
export function checkOrigin(request: IncomingMessage, publicUrl: string, strict: boolean): void {
  const { origin, host } = request.headers
  const site = request.headers['sec-fetch-site']
  if (origin !== undefined && origin !== new URL(publicUrl).origin && origin !== `https://${host ?? ''}`) refuse('csrf')
  if (site !== undefined && site !== 'same-origin') refuse('csrf')
  if (!strict) return
  if (request.headers['x-headgate-request'] !== '1') refuse('csrf', 'The field X-Headgate-Request is missing')
  if (origin === undefined && site === undefined)
    refuse('csrf', 'The browser does not say where the request comes from')
}

/**
 * `/.well-known/headgate/jwks.json`: the public keys with which services check the identity tokens of agents.
 *
 * For anybody: public keys are no secret. Read from Postgres at most once in a few seconds, however many ask; while
 * Postgres is away, what was read last is served.
 *
 * Source: RFC 7517 section 5 (JWK sets), 8.5.1 (media type).
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { type Request, type Response, Router } from 'express'
import type { Limiter } from '#control-plane/rest/limiter.ts'
import { refuse } from '#control-plane/rest/refusal.ts'
import { requestState } from '#control-plane/rest/request-state.ts'
import type { PublishedKey } from './store.ts'

export const IDENTITY_KEYS_PATH = '/.well-known/headgate/jwks.json'

/** How long keys that were read are served without another look, in milliseconds. */
const FRESH_MS = 5_000

/** How long whoever asked may keep them, in seconds. A new agent's key is asked for by its unknown `kid`. */
const MAX_AGE_S = 60

interface ServeOptions {
  readonly read: () => Promise<readonly PublishedKey[]>
  readonly clock: Clock
  /** By source address. */
  readonly limiter: Limiter
}

export function serveIdentityKeys({ read, clock, limiter }: ServeOptions): Router {
  let known: { readonly body: string; readonly readAtMs: number } | null = null
  let reading: Promise<string> | null = null

  async function readAnew(): Promise<string> {
    try {
      const keys = await read()
      const body = JSON.stringify({
        keys: keys.map(({ kid, jwk }) => ({ ...(jwk as object), kid, use: 'sig', alg: 'ES256' })),
      })
      known = { body, readAtMs: clock.monotonic() }
      return body
    } catch (thrown) {
      if (known !== null) return known.body
      throw thrown
    } finally {
      reading = null
    }
  }

  const router = Router({ caseSensitive: true, strict: true })
  const route = router.route(IDENTITY_KEYS_PATH)
  route.get(async (_request: Request, response: Response) => {
    const waitMs = limiter.take(requestState(response).address)
    if (waitMs > 0) refuse('rate_limited', undefined, { headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) } })
    const isFresh = known !== null && clock.monotonic() - known.readAtMs < FRESH_MS
    const body = isFresh && known !== null ? known.body : await (reading ??= readAnew())
    response.setHeader('Content-Type', 'application/jwk-set+json')
    response.setHeader('Cache-Control', `public, max-age=${MAX_AGE_S}`)
    response.end(body)
  })
  route.all(() => refuse('method_not_allowed', undefined, { headers: { Allow: 'GET, HEAD' } }))
  return router
}

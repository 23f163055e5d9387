/**
 * The public keys with which services check the identity tokens of agents: of all agents, and of those that serve one
 * environment. A service that takes the latter takes no token that an agent of somebody else has signed.
 *
 * For anybody: public keys are no secret. Each set is read from Postgres at most once in a few seconds, however many
 * ask; while Postgres is away, what was read last is served.
 *
 * Source: RFC 7517 section 5 (JWK sets), 8.5.1 (media type).
 *
 * @module
 */
import { OBJECT_NAME } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import { type Request, type Response, Router } from 'express'
import type { Limiter } from '#control-plane/rest/limiter.ts'
import { refuse } from '#control-plane/rest/refusal.ts'
import { requestState } from '#control-plane/rest/request-state.ts'
import type { KeyPlace, PublishedKey } from './store.ts'

export const IDENTITY_KEYS_PATH = '/.well-known/headgate/jwks.json'
const ENVIRONMENT_KEYS_PATH = '/.well-known/headgate/:tenant/:environment/jwks.json'

/** How long keys that were read are served without another look, in milliseconds. */
const FRESH_MS = 5_000

/** Sets that are remembered. Above it the oldest is forgotten and read again when it is asked for. */
const SETS_MAX = 1_000

/** How long whoever asked may keep them, in seconds. A new agent's key is asked for by its unknown `kid`. */
const MAX_AGE_S = 60

interface ServeOptions {
  /** @param place null: of all agents. */
  readonly read: (place: KeyPlace | null) => Promise<readonly PublishedKey[]>
  readonly clock: Clock
  /** By source address. */
  readonly limiter: Limiter
}

export function serveIdentityKeys({ read, clock, limiter }: ServeOptions): Router {
  const sets = new Map<string, () => Promise<string>>()

  function setOf(place: KeyPlace | null): () => Promise<string> {
    const id = place === null ? '' : `${place.tenant}/${place.environment}`
    const known = sets.get(id)
    if (known !== undefined) return known
    const set = remembered(async () => asSet(await read(place)), clock)
    sets.set(id, set)
    if (sets.size > SETS_MAX)
      for (const oldest of sets.keys()) {
        sets.delete(oldest)
        break
      }
    return set
  }

  async function answer(response: Response, place: KeyPlace | null): Promise<void> {
    const waitMs = limiter.take(requestState(response).address)
    if (waitMs > 0) refuse('rate_limited', undefined, { headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) } })
    const body = await setOf(place)()
    response.setHeader('Content-Type', 'application/jwk-set+json')
    response.setHeader('Cache-Control', `public, max-age=${MAX_AGE_S}`)
    response.end(body)
  }

  const router = Router({ caseSensitive: true, strict: true })
  router
    .route(IDENTITY_KEYS_PATH)
    .get((_request: Request, response: Response) => answer(response, null))
    .all(refuseMethod)
  router
    .route(ENVIRONMENT_KEYS_PATH)
    .get(({ params: { tenant, environment } }: Request, response: Response) => {
      if (!isName(tenant) || !isName(environment)) refuse('operation_unknown')
      return answer(response, { tenant, environment })
    })
    .all(refuseMethod)
  return router
}

function isName(text: unknown): text is string {
  return typeof text === 'string' && OBJECT_NAME.test(text)
}

function refuseMethod(): never {
  return refuse('method_not_allowed', undefined, { headers: { Allow: 'GET, HEAD' } })
}

/** Asks at most once at a time and in `FRESH_MS`; what was answered last stands in for an answer that fails. */
function remembered(read: () => Promise<string>, clock: Clock): () => Promise<string> {
  let known: { readonly body: string; readonly readAtMs: number } | null = null
  let reading: Promise<string> | null = null

  async function readAnew(): Promise<string> {
    try {
      const body = await read()
      known = { body, readAtMs: clock.monotonic() }
      return body
    } catch (thrown) {
      if (known !== null) return known.body
      throw thrown
    } finally {
      reading = null
    }
  }

  return () => {
    if (known !== null && clock.monotonic() - known.readAtMs < FRESH_MS) return Promise.resolve(known.body)
    return (reading ??= readAnew())
  }
}

function asSet(keys: readonly PublishedKey[]): string {
  return JSON.stringify({
    keys: keys.map(({ kid, jwk }) => ({ ...(jwk as object), kid, use: 'sig', alg: 'ES256' })),
  })
}

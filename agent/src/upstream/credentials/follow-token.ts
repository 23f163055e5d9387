/**
 * A credential that is a token of an issuer: asked for in the agent's own name, and again long before it ends.
 *
 * One asks at a time, and nobody's request waits for it but the very first ones. While the issuer does not answer, the
 * token that is there stays in use until it ends; then there is none.
 *
 * Sources: RFC 6749 section 4.4 and 5, RFC 6750, RFC 7523 section 2.2, RFC 8707, RFC 9700 section 2.5.
 *
 * @module
 */
import { type CompiledAuthentication, type JsonObject, parseStrictObject } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import { sendOutbound } from '@headgate/kit/outbound.ts'
import { type IssuerClient, proofOf } from '#agent/issuers/introspect.ts'
import { readSecret } from '#agent/listen/secrets.ts'
import type { FollowOptions } from './credential-keeper.ts'
import { CREDENTIAL_LENGTH_MAX } from './follow-secret.ts'

type Authentication = Extract<CompiledAuthentication, { kind: 'oauth' }>

/** Longest answer, in bytes, and longest wait for it, in milliseconds. */
const ANSWER_BYTES_MAX = 65_536
const TIMEOUT_MS = 5_000
/** Life of a token whose issuer does not say (RFC 6749 section 5.1), in seconds. */
const LIFE_S_DEFAULT = 300
/** Longest life that is counted on, in seconds. */
const LIFE_S_MAX = 86_400
/** Share of its life after which a token is asked for again. */
const REFRESH_SHARE = 0.75
/** How much before its end a token is not used any more, at most, in milliseconds: it travels, and clocks differ. */
const END_MARGIN_MS = 5_000
/** Shortest pause between two requests, and the longest after failures, in milliseconds. */
const PAUSE_MS = { shortest: 1_000, longest: 30_000 } as const

/** RFC 6750 section 2.1. One class, and signs behind it. */
const BEARER = /^[A-Za-z0-9\-._~+/]+=*$/

/** Resolves when the signal fires. */
export async function followToken(authentication: Authentication, options: FollowOptions): Promise<void> {
  const { clock, log, signal, tell, report } = options
  let endsMs: number | null = null
  let pauseMs: number = PAUSE_MS.shortest
  let isTold = false
  while (!signal.aborted) {
    const startedMs = clock.monotonic()
    const fetched = await fetchToken(authentication, options)
    if (signal.aborted) return
    let waitMs = pauseMs
    report(fetched.kind === 'token' ? null : fetched.why)
    if (fetched.kind === 'token') {
      const lifeMs = fetched.lifeS * 1_000
      endsMs = startedMs + lifeMs - Math.min(END_MARGIN_MS, lifeMs / 10)
      pauseMs = PAUSE_MS.shortest
      waitMs = Math.max(PAUSE_MS.shortest, lifeMs * REFRESH_SHARE)
      isTold = true
      tell(`Bearer ${fetched.text}`)
    } else {
      log.warn({ why: fetched.why, retry_ms: pauseMs }, 'an issuer gave no token for a service')
      pauseMs = Math.min(PAUSE_MS.longest, pauseMs * 2)
      if (!isTold) tell(null)
      isTold = true
    }
    // A token that ends while nobody gives another one is not used until the next try.
    const leftMs = endsMs === null ? Infinity : Math.max(0, endsMs - clock.monotonic())
    await clock.sleep(Math.min(waitMs, leftMs), signal).catch(() => {})
    if (leftMs > waitMs || signal.aborted) continue
    endsMs = null
    log.error('the token for a service has ended and there is no other one')
    tell(null)
    await clock.sleep(waitMs - leftMs, signal).catch(() => {})
  }
}

type Fetched =
  | { readonly kind: 'token'; readonly text: string; readonly lifeS: number }
  /** `why` is for operators, and holds no secret. */
  | { readonly kind: 'failed'; readonly why: string }

/** Never throws. */
async function fetchToken(authentication: Authentication, { env, clock }: FollowOptions): Promise<Fetched> {
  const { tokenUrl, scopes, audience, resource, privateAddresses, ca } = authentication
  const client = await clientOf(authentication, env)
  if (typeof client === 'string') return failed(client)
  const proof = await proofFor(client, authentication, clock)
  if (proof === null) return failed('the private key of the agent for this issuer cannot be used')
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(audience !== null && { audience }),
    ...(resource !== null && { resource }),
    ...proof.parameters,
  }).toString()
  const answer = await sendOutbound({
    url: tokenUrl,
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded', ...proof.headers },
    body,
    timeoutMs: TIMEOUT_MS,
    bytesMax: ANSWER_BYTES_MAX,
    allowPrivate: privateAddresses,
    ...(ca !== null && { ca }),
  })
  if (answer.kind === 'failed') return answer
  const said = parseStrictObject(answer.body)
  if (answer.status !== 200) return failed(`the issuer answers ${answer.status}${errorOf(said)}`)
  return said === null ? failed('the issuer answers with something else than one JSON object') : readToken(said)
}

async function proofFor(
  client: IssuerClient,
  { issuer }: Authentication,
  clock: Clock,
): Promise<Awaited<ReturnType<typeof proofOf>> | null> {
  try {
    return await proofOf(client, issuer, clock)
  } catch {
    // What is thrown may hold the key.
    return null
  }
}

/** @returns why not, when its secret cannot be read. Read each time: it may have changed. */
async function clientOf({ client }: Authentication, env: FollowOptions['env']): Promise<IssuerClient | string> {
  const isSecret = client.method === 'client_secret_basic'
  const read = await readSecret(isSecret ? client.secret : client.key, env)
  if (read.kind === 'missing') return read.why
  return isSecret ? { ...client, secret: read.value.replace(/\r?\n$/, '') } : { ...client, key: read.value }
}

function readToken(said: JsonObject): Fetched {
  const { access_token: text, token_type: type, expires_in: lifeS = LIFE_S_DEFAULT } = said
  if (typeof text !== 'string' || text.length > CREDENTIAL_LENGTH_MAX || !BEARER.test(text)) {
    return failed('the issuer gives no token that fits into a field')
  }
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') return failed('the issuer gives no bearer token')
  const seconds = typeof lifeS === 'string' && /^[0-9]{1,9}$/.test(lifeS) ? Number(lifeS) : lifeS
  if (typeof seconds !== 'number' || !(seconds > 0)) return failed('the issuer does not say plainly how long it counts')
  return { kind: 'token', text, lifeS: Math.min(seconds, LIFE_S_MAX) }
}

/** RFC 6749 section 5.2: a code, which is what helps. The sentence beside it could hold anything. */
function errorOf(said: JsonObject | null): string {
  const code = said?.['error']
  return typeof code === 'string' && /^[a-z_]{1,64}$/.test(code) ? ` ${code}` : ''
}

const failed = (why: string): Fetched => ({ kind: 'failed', why })

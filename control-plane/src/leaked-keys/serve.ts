/**
 * `POST /v1/leaked-keys`: programmes for secret scanning report keys that they found in public.
 *
 * No operator: a report counts when it is signed with a key of a programme that was configured; without any the path
 * does not exist. A reported key is hashed at once, and its text is neither stored nor logged nor answered.
 *
 * Source: GitHub, "Secret scanning partner program" (payload, signature, feedback).
 *
 * @module
 */
import { type LeakedKeyVerdicts, leakedKeys } from '@headgate/admin-api'
import { parseApiKey } from '@headgate/core'
import { type Request, type Response, Router } from 'express'
import { hashKey } from '#control-plane/resources/keys/create.ts'
import { collectBody, parseJsonBody } from '#control-plane/rest/body.ts'
import type { AnonymousContext, Services } from '#control-plane/rest/contract.ts'
import { parse } from '#control-plane/rest/input.ts'
import { createLimiter } from '#control-plane/rest/limiter.ts'
import { refuse } from '#control-plane/rest/refusal.ts'
import { requestState } from '#control-plane/rest/request-state.ts'
import { actOnLeak } from './act.ts'
import type { LeakAction } from './action.ts'
import type { ScannerKeys } from './scanner-keys.ts'
import { isSignedBy, readReportSignature } from './signed-report.ts'
import { findKeys } from './store.ts'

export const LEAKED_KEYS_PATH = '/v1/leaked-keys'

/** Longest report, in bytes. */
const REPORT_BYTES_MAX = 1024 * 1024

/** Reports of one address. */
const RATE = { requests: 120, windowMs: 60_000, burst: 120 }

/** Longest place of a leak that is kept. */
const URL_LENGTH_MAX = 1_000

interface ServeOptions {
  readonly services: Services
  readonly keys: ScannerKeys
  readonly action: LeakAction
}

export function serveLeakedKeys({ services, keys, action }: ServeOptions): Router {
  const limiter = createLimiter({ clock: services.clock, ...RATE })
  const router = Router({ caseSensitive: true, strict: true })
  const route = router.route(LEAKED_KEYS_PATH)
  route.post(async (request: Request, response: Response) => {
    const { requestId, address, signal } = requestState(response)
    const waitMs = limiter.take(address)
    if (waitMs > 0) refuse('rate_limited', undefined, { headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) } })
    const { body, keyIdentifier } = await readSigned(request, keys)
    const reported = parse(leakedKeys, parseJsonBody(body), '', false).map(readLeak)
    const found = await findKeys(
      services.db,
      reported.filter(({ wellFormed }) => wellFormed).map(({ sha256 }) => sha256),
    )
    const byHash = new Map(found.map((key) => [hex(key.sha256), key]))
    const context: AnonymousContext = { services, caller: null, requestId, address, signal, setHeader: () => {} }
    const verdicts: LeakedKeyVerdicts = []
    for (const { sha256, type, url, source } of reported) {
      const key = byHash.get(hex(sha256))
      if (key !== undefined) await actOnLeak(context, key, { type, url, source, keyIdentifier }, action)
      const label = key === undefined ? 'false_positive' : 'true_positive'
      verdicts.push({ token_hash: hex(sha256), token_type: type, label })
    }
    response.setHeader('Cache-Control', 'no-store')
    response.json(verdicts)
  })
  route.all(() => refuse('method_not_allowed', undefined, { headers: { Allow: 'POST' } }))
  return router
}

/** @throws Refusal `report_unsigned`, `body_too_large` or `body_malformed`. */
async function readSigned(request: Request, keys: ScannerKeys): Promise<{ body: Buffer; keyIdentifier: string }> {
  const signature = readReportSignature(request.headers)
  const key = signature === null ? null : await keys.find(signature.keyIdentifier)
  // Before the body: nobody uploads a megabyte under an unknown name.
  if (signature === null || key === null) return refuse('report_unsigned')
  const body = await collectBody(request, REPORT_BYTES_MAX)
  if (!isSignedBy(key, body, signature)) return refuse('report_unsigned')
  return { body, keyIdentifier: signature.keyIdentifier }
}

interface Reported {
  readonly sha256: Uint8Array<ArrayBuffer>
  /** It has the form of a key, so it is worth a look-up. */
  readonly wellFormed: boolean
  readonly type: string
  readonly url: string
  readonly source: string
}

function readLeak({ token, type, url, source }: ReturnType<typeof leakedKeys.parse>[number]): Reported {
  // A key in a query is part of the address at which it was found.
  const without = (text: string): string =>
    token === '' ? text : text.replaceAll(token, '…').replaceAll(encodeURIComponent(token), '…')
  return {
    sha256: hashKey(token),
    wellFormed: parseApiKey(token).kind === 'api_key',
    type: without(type),
    url: without(url ?? '')
      .slice(0, URL_LENGTH_MAX)
      .toWellFormed(),
    source: without(source ?? ''),
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

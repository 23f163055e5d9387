/**
 * The HTTP application: state, security headers, health, operations, document, dashboard, and the one error handler.
 *
 * @module
 */
import { openApiDocument } from '@headgate/admin-api'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { serveIdentityKeys } from '#control-plane/identity-keys/serve.ts'
import { listPublishedKeys } from '#control-plane/identity-keys/store.ts'
import type { LeakAction } from '#control-plane/leaked-keys/action.ts'
import type { ScannerKeys } from '#control-plane/leaked-keys/scanner-keys.ts'
import { serveLeakedKeys } from '#control-plane/leaked-keys/serve.ts'
import { authenticate } from '#control-plane/operators/authenticate.ts'
import { serveHealth, type Health } from './health.ts'
import { openRequestState, requestState } from './request-state.ts'
import { sendProblem, toRefusal } from './problem.ts'
import { Refusal, refuse } from './refusal.ts'
import { type RouterOptions, createRouter } from './router.ts'
import { setSecurityHeaders } from './security-headers.ts'
import { serveDashboard } from './static-files.ts'

export interface ApplicationOptions extends RouterOptions {
  readonly health: Health
  readonly version: string
  /** Fires when the process stops: requests that come after it are refused. */
  readonly stop: AbortSignal
  /** Who may report leaked keys, and what is done then; null: nobody. */
  readonly leaks: { readonly keys: ScannerKeys; readonly action: LeakAction } | null
  /** Folder of the built dashboard. */
  readonly dashboard: string
}

export function createApplication(options: ApplicationOptions): Express {
  const { services, health, stop, version, dashboard } = options
  const { clock, log, db } = services
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', false)
  app.set('case sensitive routing', true)
  app.set('strict routing', true)

  app.use((request: Request, response: Response, next: NextFunction) => {
    const state = openRequestState(request, response, clock, stop)
    response.setHeader('X-Request-Id', state.requestId)
    setSecurityHeaders(response)
    response.once('close', () => {
      const { operation, operator, requestId, startedAtMs } = state
      const fields = {
        operation,
        operator,
        status: response.statusCode,
        duration_ms: Math.round(clock.monotonic() - startedAtMs),
        request_id: requestId,
      }
      health.count(response.statusCode)
      log[request.method === 'GET' ? 'debug' : 'info'](fields, 'answered')
    })
    if (stop.aborted) {
      response.setHeader('Connection', 'close')
      refuse('draining', undefined, { headers: { 'Retry-After': '1' } })
    }
    checkPath(request.path)
    next()
  })
  app.use(serveHealth(health))
  app.use(
    serveIdentityKeys({
      read: (place) => listPublishedKeys(db, clock.now(), place),
      clock,
      limiter: options.limits.address,
    }),
  )
  if (options.leaks !== null) app.use(serveLeakedKeys({ services, ...options.leaks }))
  app.use(createRouter(options))
  app.get('/v1/openapi.json', async (request: Request, response: Response) => {
    await authenticate(db, clock, request)
    response.json(openApiDocument(version))
  })
  app.use('/v1', () => refuse('operation_unknown'))
  app.use(serveDashboard(dashboard))
  app.use(() => refuse('operation_unknown'))
  // Express knows an error handler by its four parameters.
  app.use((thrown: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const { requestId } = requestState(response)
    sendProblem(response, toRefusal(expressRefusal(thrown), log, requestId), requestId)
  })
  return app
}

/** @throws Refusal `path_malformed`: nothing behind this line meets a path that cannot be decoded. */
function checkPath(path: string): void {
  try {
    if (decodeURIComponent(path).includes('\0')) refuse('path_malformed')
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown
    refuse('path_malformed')
  }
}

/** Errors of Express and its static files carry the status of a caller's mistake. */
function expressRefusal(thrown: unknown): unknown {
  if (thrown instanceof Refusal || !(thrown instanceof Error) || !('status' in thrown)) return thrown
  return typeof thrown.status === 'number' && thrown.status >= 400 && thrown.status < 500
    ? new Refusal('operation_unknown')
    : thrown
}

/**
 * Serves the table of operations. Everything that all operations have in common happens here, once and in one order:
 * who calls, may they, is the input right, do it, is the answer right.
 *
 * The body is read last: nobody uploads megabytes before they are known and allowed.
 *
 * @module
 */
import { type Operation, type OperationId, operations } from '@headgate/admin-api'
import { type Request, type Response, Router } from 'express'
import { authenticate, checkOrigin } from '#control-plane/operators/authenticate.ts'
import type { Caller } from '#control-plane/operators/caller.ts'
import { sendAnswer } from './answer.ts'
import type { Handlers, Services } from './contract.ts'
import { readBody, readIfMatch, readParams, readQuery } from './input.ts'
import type { Limiter } from './limiter.ts'
import { refuse } from './refusal.ts'
import { requestState } from './request-state.ts'
import { authorise } from './scope.ts'

export interface RouterOptions {
  readonly services: Services
  readonly handlers: Handlers
  readonly limits: {
    /** By source address, before anything else. */
    readonly address: Limiter
    /** By operator. */
    readonly operator: Limiter
    /** By source address, for what answers without an operator. */
    readonly anonymous: Limiter
  }
}

// The table ties an id to its schemas; TypeScript cannot follow that through a loop.
type AnyHandler = (context: unknown, input: unknown) => Promise<unknown>

/** `{tenant}` as Express writes it. */
export function expressPath(path: string): string {
  return path.replaceAll(/\{([a-z_]+)\}/g, ':$1')
}

export function createRouter(options: RouterOptions): Router {
  const router = Router({ caseSensitive: true, strict: true })
  const byPath = Map.groupBy(Object.entries(operations) as [OperationId, Operation][], ([, { path }]) => path)
  for (const [path, entries] of byPath) {
    const route = router.route(expressPath(path))
    for (const [id, { method }] of entries) {
      route[method.toLowerCase() as 'get'](async (request: Request, response: Response) => {
        await serve(options, id, request, response)
      })
    }
    const allow = entries
      .map(([, { method }]) => method)
      .flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
    route.all(() => refuse('method_not_allowed', undefined, { headers: { Allow: allow.join(', ') } }))
  }
  return router
}

async function serve(options: RouterOptions, id: OperationId, request: Request, response: Response): Promise<void> {
  const { services, handlers, limits } = options
  const operation: Operation = operations[id]
  const state = requestState(response)
  state.operation = id

  take(limits.address, state.address)
  const caller = operation.role === 'anyone' ? null : await knownCaller(options, operation, request)
  if (caller === null) {
    take(limits.anonymous, state.address)
    checkOrigin(request, services.publicUrl, false)
  } else {
    state.operator = caller.name
    take(limits.operator, caller.operatorId)
  }

  const params = readParams(operation, request.params)
  const scopes = caller === null ? {} : await authorise(services.db, caller, operation, params)
  const query = readQuery(operation, searchOf(request.url))
  const ifMatch = readIfMatch(operation, request)
  const body = await readBody(operation, request)

  const context = {
    services,
    caller,
    ...scopes,
    requestId: state.requestId,
    address: state.address,
    signal: state.signal,
    setHeader: (name: string, value: string) => void response.setHeader(name, value),
  }
  const handler = handlers[id] as AnyHandler
  const output = await handler(context, { params, query, body, ifMatch })
  sendAnswer(response, { id, params, url: request.originalUrl, output })
}

async function knownCaller({ services }: RouterOptions, operation: Operation, request: Request): Promise<Caller> {
  const caller = await authenticate(services.db, services.clock, request)
  if (caller.via === 'session' && operation.method !== 'GET') checkOrigin(request, services.publicUrl, true)
  return caller
}

function take(limiter: Limiter, key: string): void {
  const waitMs = limiter.take(key)
  if (waitMs > 0) refuse('rate_limited', undefined, { headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) } })
}

function searchOf(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}

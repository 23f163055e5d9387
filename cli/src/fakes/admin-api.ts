/**
 * A small admin API for tests: real HTTP, and the table of operations decides what may come in and go out.
 *
 * A call that the schemas refuse, or an answer that they would not let a real control plane give, fails the test.
 *
 * @module
 */
import {
  type Answer,
  type Operation,
  type OperationId,
  operations,
  type ProblemCode,
  problemCodes,
  type ProblemDetail,
} from '@headgate/admin-api'
import { createServer, type IncomingMessage } from 'node:http'

export interface Call {
  readonly operation: OperationId
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, unknown>>
  readonly body: unknown
  readonly ifMatch: string | undefined
}

/** A refusal, as an answer of a handler. */
export class Refused {
  readonly code: ProblemCode
  readonly detail: string | undefined
  readonly errors: readonly ProblemDetail[] | undefined
  constructor(code: ProblemCode, detail?: string, errors?: readonly ProblemDetail[]) {
    this.code = code
    this.detail = detail
    this.errors = errors
  }
}

export type Handlers = { readonly [Id in OperationId]?: (call: Call) => Answer<Id> | Refused }

export interface FakeAdminApi extends AsyncDisposable {
  readonly url: string
  /** Everything that was asked, in order. */
  readonly calls: readonly Call[]
  /** What tests did wrong: calls or answers outside the contract. */
  readonly violations: readonly string[]
}

/** The only token that it knows. */
export const FAKE_TOKEN = 'hgp_0000000000000000000000000000000000000000000'

export async function startFakeAdminApi(handlers: Handlers): Promise<FakeAdminApi> {
  const calls: Call[] = []
  const violations: string[] = []

  const answer = async (request: IncomingMessage): Promise<{ status: number; body: unknown }> => {
    const url = new URL(request.url ?? '/', 'http://fake')
    const found = find(request.method ?? '', url.pathname)
    if (found === undefined) return refusal(new Refused('operation_unknown', `${request.method} ${url.pathname}`))
    const { id, operation, params } = found
    if (operation.role !== 'anyone' && request.headers.authorization !== `Bearer ${FAKE_TOKEN}`) {
      return refusal(new Refused('not_signed_in'))
    }
    const query = operation.query.safeParse(Object.fromEntries(url.searchParams))
    const text = await readBody(request)
    const body = operation.body?.safeParse(JSON.parse(text || 'null'))
    const wrong = [operation.params.safeParse(params), query, ...(body === undefined ? [] : [body])].find(
      ({ success }) => !success,
    )
    if (wrong !== undefined || !query.success) {
      violations.push(`${id}: ${wrong?.error?.message ?? 'query'}`)
      return refusal(new Refused('input_invalid', wrong?.error?.message))
    }
    const call = { operation: id, params, query: query.data, body: body?.data, ifMatch: request.headers['if-match'] }
    calls.push(call)
    const handler = handlers[id] as ((given: Call) => unknown) | undefined
    if (handler === undefined) return refusal(new Refused('not_found', `the test has no ${id}`))
    const result = handler(call)
    if (result instanceof Refused) return refusal(result)
    const checked = operation.response?.safeParse(result)
    if (checked !== undefined && !checked.success) violations.push(`${id} answers: ${checked.error.message}`)
    return { status: operation.status, body: result }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => {
        const type = status >= 400 ? 'application/problem+json' : 'application/json'
        response.writeHead(status, { 'content-type': type })
        response.end(status === 204 ? undefined : JSON.stringify(body))
      },
      (thrown: unknown) => {
        violations.push(String(thrown))
        response.writeHead(500).end()
      },
    )
  })
  const { promise, resolve } = Promise.withResolvers<undefined>()
  server.listen(0, '127.0.0.1', () => resolve(undefined))
  await promise
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    violations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((settle) => server.close(() => settle()))
    },
  }
}

function find(method: string, path: string) {
  for (const [id, operation] of Object.entries(operations) as [OperationId, Operation][]) {
    const params = match(operation.path, path)
    if (operation.method === method && params !== undefined) return { id, operation, params }
  }
  return undefined
}

function match(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of wanted.entries()) {
    const value = decodeURIComponent(given[index] ?? '')
    if (segment.startsWith('{')) params[segment.slice(1, -1)] = value
    else if (segment !== value) return undefined
  }
  return params
}

function refusal({ code, detail, errors }: Refused): { status: number; body: unknown } {
  const { status, title, fix } = problemCodes[code]
  const body = { type: `https://headgate.dev/problems/${code}`, title, status, code, fix, request_id: 'req_test' }
  return {
    status,
    body: { ...body, ...(detail === undefined ? {} : { detail }), ...(errors === undefined ? {} : { errors }) },
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += String(part)
  return text
}

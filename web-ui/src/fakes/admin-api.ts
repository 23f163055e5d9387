/**
 * A control plane for tests of the pages: serves the built files under headers as strict as the real ones and answers
 * the operations of the contract. It parses every call and every answer by the schemas, and refuses a write that a
 * browser does not mark as coming from its own pages.
 *
 * @module
 */
import type { OperationId, Problem, ProblemCode } from '@headgate/admin-api'
import { operations, problemCodes } from '@headgate/admin-api'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type Callers, startCallers } from './callers.ts'
import { decision, explanationOf, operator, standing } from './fixtures.ts'
import { type Guards, startGuards } from './guards.ts'

const security = {
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** What the control plane would add to the title. */
const details: Partial<Record<ProblemCode, string>> = {
  not_allowed: 'This needs the role viewer on everything; yours is viewer on tenant default',
  database_unavailable: 'No connection within 2 s',
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

interface Call {
  readonly id: OperationId
  readonly body: unknown
}

export interface FakeAdminApi extends AsyncDisposable {
  readonly url: string
  /** In order of arrival. */
  readonly calls: readonly Call[]
  /** A first run asks for the name of the owner. */
  firstRun: boolean
  signedIn: boolean
  /** Of the operator, on everything. */
  role: 'owner' | 'viewer'
  /** Operations that answer with this problem, instead of what they do otherwise. */
  readonly broken: Map<OperationId, ProblemCode>
  /** How many requests the agents have decided. */
  decided: number
  /** By environment. */
  readonly callers: Readonly<Record<'dev' | 'production', Callers>>
  /** By environment. */
  readonly guards: Readonly<Record<'dev' | 'production', Guards>>
}

/** @param dist folder of the built files. */
export async function startFakeAdminApi(dist: string): Promise<FakeAdminApi> {
  const calls: Call[] = []
  const server = createServer((request, response) => {
    void answer(fake, calls, dist, request, response).catch((thrown: unknown) => {
      console.error(thrown)
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const fake: FakeAdminApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    firstRun: false,
    signedIn: true,
    role: 'owner',
    broken: new Map(),
    decided: 48,
    callers: { dev: startCallers(false), production: startCallers(true) },
    guards: { dev: startGuards(false), production: startGuards(true) },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return fake
}

async function answer(
  fake: FakeAdminApi,
  calls: Call[],
  dist: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://fake')
  if (!url.pathname.startsWith('/v1/')) return sendFile(dist, url.pathname, response)
  const found = match(request.method ?? 'GET', url.pathname)
  if (found === null) return sendProblem(response, 'operation_unknown')
  const { id, params } = found
  const operation = operations[id]
  operation.query.parse(Object.fromEntries(url.searchParams))
  const body = operation.body === null ? null : operation.body.parse(JSON.parse(await textOf(request)))
  calls.push({ id, body })
  if (!isOwn(request, fake.url)) return sendProblem(response, 'csrf')
  const code = fake.broken.get(id) ?? (fake.signedIn || operation.role === 'anyone' ? undefined : 'not_signed_in')
  if (code !== undefined) return sendProblem(response, code)
  if (id === 'welcome') {
    const { name } = operations.welcome.body.parse(body)
    if (fake.firstRun && (name === undefined || name === 'taken')) {
      const error = { pointer: '/name', code: 'field', message: 'This name cannot be used', fix: 'Choose another' }
      return sendProblem(response, 'input_invalid', [error])
    }
    fake.signedIn = true
  }
  if (id === 'signOut') fake.signedIn = false
  if (operation.response === null) return void response.writeHead(operation.status).end()
  const given = live(fake, id, body, params, url.searchParams) ?? standing(id, params['environment'], Date.now())
  const json = JSON.stringify(operation.response.parse(given))
  response.writeHead(operation.status, { 'content-type': 'application/json' }).end(json)
}

function isOwn({ method, headers }: IncomingMessage, url: string): boolean {
  if (headers['x-headgate-request'] !== '1' || headers['sec-fetch-site'] !== 'same-origin') return false
  return method === 'GET' || headers.origin === url
}

/** What depends on what has happened. */
function live(
  fake: FakeAdminApi,
  id: OperationId,
  body: unknown,
  params: Readonly<Record<string, string>>,
  query: URLSearchParams,
): unknown {
  const indexes =
    params['environment'] === 'production'
      ? []
      : Array.from({ length: fake.decided }, (_, index) => fake.decided - index)
  if (id === 'listDecisions') {
    const outcome = query.get('outcome')
    const records = indexes.map(decision).filter((record) => outcome === null || record.outcome === outcome)
    return { data: records.slice(0, 50), next_cursor: null, has_more: false }
  }
  if (id === 'whoami' && fake.role !== 'owner') {
    return { operator: { ...operator, roles: [{ tenant: null, role: fake.role }] }, via: 'session' }
  }
  const of = params['environment'] === 'production' ? 'production' : 'dev'
  if (id !== 'explain') {
    return fake.callers[of].answer(id, params, query, body) ?? fake.guards[of].answer(id, params, query, body)
  }
  const { request_id: requestId, request, release } = operations.explain.body.parse(body)
  if (request !== undefined) {
    const { method, host, target: path, scheme, address } = request
    const simulated = { source: 'simulated', request_id: null, agent: null, duration_ms: null } as const
    const asked = { method, host, path, scheme, address, release: release === 'draft' ? 'draft' : 'r3' }
    return { ...explanationOf({ ...decision(48), ...asked, release: 3 }), ...simulated, ...asked }
  }
  const record = indexes.map(decision).find(({ request_id: known }) => known === requestId)
  return record === undefined ? undefined : explanationOf(record)
}

function match(
  method: string,
  path: string,
): { readonly id: OperationId; readonly params: Record<string, string> } | null {
  for (const [id, operation] of Object.entries(operations)) {
    const pattern = new RegExp(`^${operation.path.replaceAll(/\{([a-z_]+)\}/g, '(?<$1>[^/]+)')}$`)
    const found = operation.method === method ? pattern.exec(path) : null
    if (found !== null) return { id: id as OperationId, params: { ...found.groups } }
  }
  return null
}

async function sendFile(dist: string, path: string, response: ServerResponse): Promise<void> {
  const file = extname(path) === '' ? 'index.html' : path.slice(1)
  const bytes = await readFile(join(dist, file)).catch(() => null)
  if (bytes === null) return void response.writeHead(404).end()
  response
    .writeHead(200, { ...security, 'content-type': types[extname(file)] ?? 'application/octet-stream' })
    .end(bytes)
}

function sendProblem(response: ServerResponse, code: ProblemCode, errors?: Problem['errors']): void {
  const { status, title, fix } = problemCodes[code]
  const problem: Problem = {
    type: `https://headgate.example/problems/${code}`,
    title,
    status,
    code,
    fix,
    request_id: 'req_admin_01',
    ...(details[code] === undefined ? {} : { detail: details[code] }),
    ...(errors === undefined ? {} : { errors }),
  }
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

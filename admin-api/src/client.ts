/**
 * Typed client of the admin API, over any `fetch`. Used by CLI, dashboard and tests.
 *
 * @module
 */
import type { z } from 'zod'
import type { Operation } from './operation.ts'
import { type OperationId, type Operations, operations } from './operations.ts'
import { type Problem, problem } from './problem.ts'

type Schema<T> = T extends z.ZodType ? T : never
type Sent<T> = T extends z.ZodType ? z.input<T> : undefined

/** The parsed body of a successful answer; undefined where there is none. */
export type Answer<Id extends OperationId> = Operations[Id]['response'] extends null
  ? undefined
  : z.output<Schema<Operations[Id]['response']>>

type Empty = Record<string, never>
// In brackets, so that a body that is one of several stays one field.
type Part<Key extends string, T> = [T] extends [undefined]
  ? { readonly [K in Key]?: undefined }
  : Empty extends T
    ? { readonly [K in Key]?: T }
    : { readonly [K in Key]: T }

/** What a call needs: path parameters, query and body as the schemas take them. */
export type Call<Id extends OperationId> = Part<'params', Sent<Operations[Id]['params']>> &
  Part<'query', Sent<Operations[Id]['query']>> &
  Part<'body', Sent<Operations[Id]['body']>> & {
    /** ETag that was read, with or without quotes. */
    readonly ifMatch?: string | number
    readonly signal?: AbortSignal
  }

/** The admin API said no. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: Problem
  constructor(given: Problem) {
    super(given.detail === undefined ? given.title : `${given.title}: ${given.detail}`)
    this.problem = given
  }
}

/** The admin API could not be reached, or did not answer as it promises. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
}

interface ClientOptions {
  /** Such as `https://localhost:7600`; empty in a browser: where the page came from. */
  readonly baseUrl: string
  /** Operator token; absent in a browser, where the session cookie counts. */
  readonly token?: string
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  /** Longest wait for an answer beyond a `timeout_ms` that is asked for, in milliseconds. */
  readonly timeoutMs?: number
}

export interface Client {
  /**
   * Calls an operation.
   *
   * @throws ProblemError when the admin API says no; ConnectionError when it cannot be reached.
   */
  call<Id extends OperationId>(id: Id, call?: Call<Id>): Promise<Answer<Id>>
}

interface LooseCall {
  readonly params?: Record<string, unknown>
  readonly query?: Record<string, unknown>
  readonly body?: unknown
  readonly ifMatch?: string | number
  readonly signal?: AbortSignal
}

/** A client for one control plane and one operator. */
export function createClient({ baseUrl, token, fetch, timeoutMs = 30_000 }: ClientOptions): Client {
  return {
    async call<Id extends OperationId>(id: Id, call?: Call<Id>): Promise<Answer<Id>> {
      const operation: Operation = operations[id]
      // Through unknown: there are too many kinds of calls to compare each with the loose one.
      const loose = (call as unknown as LooseCall | undefined) ?? {}
      const url = baseUrl.replace(/\/$/, '') + fill(operation.path, loose.params ?? {}) + search(loose.query ?? {})
      const wait = Number(loose.query?.['timeout_ms'] ?? 0)
      const deadline = AbortSignal.timeout(timeoutMs + wait)
      const response = await send(fetch, url, {
        method: operation.method,
        headers: headers(token, loose),
        signal: loose.signal === undefined ? deadline : AbortSignal.any([deadline, loose.signal]),
        ...(operation.body === null ? {} : { body: JSON.stringify(loose.body ?? {}) }),
      })
      // The table of operations ties the id to its response schema; TypeScript cannot follow it through the index.
      return (await read(response, operation.response)) as Answer<Id>
    },
  }
}

function headers(token: string | undefined, { ifMatch }: LooseCall): Record<string, string> {
  return {
    accept: 'application/json, application/problem+json',
    'content-type': 'application/json',
    // A browser cannot be made to send this from another site without asking first.
    'x-headgate-request': '1',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(ifMatch === undefined ? {} : { 'if-match': `"${String(ifMatch).replaceAll('"', '')}"` }),
  }
}

async function send(fetch: ClientOptions['fetch'], url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (thrown) {
    // In a browser the address is relative: to where the page came from.
    const whom = URL.canParse(url) ? new URL(url).origin : 'The control plane'
    throw new ConnectionError(`${whom} cannot be reached`, { cause: thrown })
  }
}

async function read(response: Response, schema: z.ZodType | null): Promise<unknown> {
  const body = await response.text()
  if (!response.ok) {
    const parsed = problem.safeParse(parseJson(body))
    if (parsed.success) throw new ProblemError(parsed.data)
    throw new ConnectionError(`answered ${response.status} without a problem document`)
  }
  if (schema === null) return undefined
  const parsed = schema.safeParse(parseJson(body))
  if (!parsed.success) throw new ConnectionError(`answered something unexpected: ${parsed.error.message}`)
  return parsed.data
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function fill(path: string, params: Record<string, unknown>): string {
  return path.replaceAll(/\{([a-z_]+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])))
}

function search(query: Record<string, unknown>): string {
  const given = Object.entries(query).filter((pair) => pair[1] !== undefined)
  return given.length === 0
    ? ''
    : `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`
}

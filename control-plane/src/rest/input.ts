/**
 * Reads path, query, If-Match and body by the schemas of an operation. All problems of one part are reported at once.
 *
 * @module
 */
import type { InputIssue, Operation, ProblemDetail } from '@headgate/admin-api'
import type { IncomingMessage } from 'node:http'
import { readJsonBody } from './body.ts'
import { inputErrors } from './issues.ts'
import { Refusal, refuseInput } from './refusal.ts'

/** Most parameters of a query that are looked at. */
const QUERY_PARAMETERS_MAX = 50

/** Longest query, in characters. */
const QUERY_LENGTH_MAX = 4096

type Values = Record<string, unknown>

/** @throws Refusal `input_invalid`. */
export function readParams(operation: Operation, given: Readonly<Record<string, unknown>>): Values {
  return parse(operation.params, { ...given }, '', true)
}

/** @param search from `?` on; empty when there is none. @throws Refusal `input_invalid`. */
export function readQuery(operation: Operation, search: string): Values {
  if (search.length > QUERY_LENGTH_MAX)
    refuseInput('query', 'too_long', 'The query is too long', `Send at most ${QUERY_LENGTH_MAX} characters`)
  // URLSearchParams replaces what it cannot decode, so that a wrong value would be taken for another one.
  if (/%(?![0-9A-Fa-f]{2})/.test(search) || !isDecodable(search)) {
    refuseInput('query', 'encoding_invalid', 'The query is not valid', 'Percent-encode it as UTF-8')
  }
  const query = new Map<string, string>()
  const errors: ProblemDetail[] = []
  for (const [name, value] of new URLSearchParams(search)) {
    if (query.has(name))
      errors.push({ pointer: name, code: 'repeated', message: 'It is given twice', fix: 'Give it once' })
    if (value.includes('\0'))
      errors.push({ pointer: name, code: 'value_invalid', message: 'It holds U+0000', fix: 'Remove that character' })
    if (query.size >= QUERY_PARAMETERS_MAX)
      refuseInput('query', 'too_many', 'There are too many parameters', 'Send fewer')
    query.set(name, value)
  }
  if (errors.length > 0) throw new Refusal('input_invalid', { errors: errors.slice(0, QUERY_PARAMETERS_MAX) })
  return parse(operation.query, Object.fromEntries(query), '', true)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

/** @throws Refusal as `readJsonBody`, or `input_invalid`. */
export async function readBody(operation: Operation, request: IncomingMessage): Promise<unknown> {
  if (operation.body === null) return undefined
  return parse(operation.body, await readJsonBody(request), '', false)
}

/** What is asked of a schema. */
interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { issues: readonly InputIssue[] } }
}

/** Checks part of a body, such as the spec of a kind. @throws Refusal `input_invalid`. */
export function parse<T>(schema: Schema<T>, value: unknown, prefix: string, named: boolean): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new Refusal('input_invalid', { errors: inputErrors(result.error.issues, prefix, named) })
}

/** Revision of `If-Match` (RFC 9110 section 13.1.1). @throws Refusal `input_invalid` for what no ETag of ours can be. */
export function readIfMatch(operation: Operation, request: IncomingMessage): number | 'any' | null {
  const field = request.headers['if-match']
  if (field === undefined || operation.method === 'GET') return null
  if (field.trim() === '*') return 'any'
  const revision = /^"([0-9]{1,9})"$/.exec(field.trim())?.[1]
  return revision === undefined
    ? refuseInput(
        'if-match',
        'value_invalid',
        'It is not an ETag of this API',
        'Send the ETag as it was given, with its quotes',
      )
    : Number(revision)
}

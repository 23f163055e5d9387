/**
 * Reads a JSON body, and refuses what two readers could read differently or Postgres cannot keep.
 *
 * Sources: RFC 8259 (JSON; UTF-8 without byte order mark), RFC 9110 section 8.3 (media types). Bodies with a content
 * coding are refused: a small one could become very large.
 *
 * @module
 */
import type { ProblemDetail } from '@headgate/admin-api'
import type { IncomingMessage } from 'node:http'
import { jsonPointer } from './issues.ts'
import { Refusal, refuse } from './refusal.ts'

/** Longest body, in bytes. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024

/** Deepest nesting. The deepest spec of any kind has 5 levels; recursion over a million levels would end the process. */
const DEPTH_MAX = 32

/** @throws Refusal `media_type`, `body_too_large`, `body_malformed` or `input_invalid`. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(?:;\s*charset=(?:utf-8|"utf-8")\s*)?$/i.test(type)) refuse('media_type')
  if (request.headers['content-encoding'] !== undefined) refuse('media_type', 'A content coding is not accepted')
  return parseJsonBody(await collectBody(request, BODY_BYTES_MAX))
}

/** @throws Refusal `body_malformed` or `input_invalid`. */
export function parseJsonBody(bytes: Buffer): unknown {
  const value = parse(bytes)
  const error = firstUnstorable(value)
  if (error !== undefined) throw new Refusal('input_invalid', { errors: [error] })
  return value
}

/** The rest is not read: the connection ends with the answer. */
function tooLarge(): never {
  return refuse('body_too_large', undefined, { headers: { Connection: 'close' } })
}

/** The bytes as they came. @throws Refusal `body_too_large` or `body_malformed`. */
export async function collectBody(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) tooLarge()
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      length += part.length
      if (length > bytesMax) tooLarge()
      parts.push(part)
    }
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown
    // The sender broke off: nobody reads the answer.
    refuse('body_malformed', 'The body ended early')
  }
  return Buffer.concat(parts)
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (thrown) {
    return refuse(
      'body_malformed',
      thrown instanceof SyntaxError ? thrown.message.slice(0, 200).toWellFormed() : 'It is not UTF-8',
    )
  }
}

interface Item {
  readonly value: unknown
  readonly path: readonly string[]
}

/**
 * The first value that cannot be stored or means something else to another reader: NUL and lone surrogates (Postgres
 * refuses both), numbers beyond double precision, the name `__proto__` (which schemas skip without a word), and depth.
 */
function firstUnstorable(body: unknown): ProblemDetail | undefined {
  const items: Item[] = [{ value: body, path: [] }]
  for (let item = items.pop(); item !== undefined; item = items.pop()) {
    const problem = judge(item)
    if (problem !== undefined) return problem
    if (typeof item.value === 'object' && item.value !== null) {
      for (const [name, value] of Object.entries(item.value)) items.push({ value, path: [...item.path, name] })
    }
  }
  return undefined
}

function judge({ value, path }: Item): ProblemDetail | undefined {
  const name = path.at(-1) ?? ''
  const pointer = jsonPointer(path)
  if (path.length > DEPTH_MAX)
    return { pointer: '', code: 'too_deep', message: `It is nested deeper than ${DEPTH_MAX} levels`, fix: 'Nest less' }
  if (name === '__proto__')
    return { pointer, code: 'field_unknown', message: '"__proto__" does not exist here', fix: 'Remove it' }
  for (const text of [name, value]) {
    if (typeof text === 'string' && (text.includes('\0') || !text.isWellFormed())) {
      return {
        pointer,
        code: 'value_invalid',
        message: 'It holds U+0000 or half a surrogate pair',
        fix: 'Remove that character',
      }
    }
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    return { pointer, code: 'value_invalid', message: 'The number is too large', fix: 'Give a smaller number' }
  }
  return undefined
}

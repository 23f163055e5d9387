/**
 * What an operation of the admin API is. Handlers, the OpenAPI document, the typed client and the tests read
 * the same table.
 *
 * @module
 */
import type { z } from 'zod'
import type { ProblemCode } from './problem.ts'
import type { OperatorRole } from './schemas/operators.ts'

export interface Operation {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `{parameter}` segments. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  /** Least role that may call it; `anyone`: answers without an operator. */
  readonly role: OperatorRole | 'anyone'
  /** Where the role is needed: on the tenant in the path (any tenant, when the path names none), or on everything. */
  readonly scope: 'tenant' | 'everything'
  readonly params: z.ZodObject
  readonly query: z.ZodObject
  readonly body: z.ZodType | null
  /** Status of success. */
  readonly status: 200 | 201 | 204
  readonly response: z.ZodType | null
  /** The response carries an ETag; a write of the same path takes If-Match. */
  readonly etag: boolean
  /** What it can answer beside the codes that every operation has. */
  readonly problems: readonly ProblemCode[]
}

/** Codes that every operation with an operator can answer. */
export const commonProblems = [
  'not_signed_in',
  'not_allowed',
  'csrf',
  'input_invalid',
  'database_unavailable',
  'rate_limited',
  'draining',
  'internal',
] as const satisfies readonly ProblemCode[]

/** Codes that every operation with a body can answer too. */
export const bodyProblems = ['body_malformed', 'body_too_large', 'media_type'] as const satisfies readonly ProblemCode[]

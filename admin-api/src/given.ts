/**
 * What an operation is given after its input was parsed: the server's view of the table, as `client.ts` is the
 * caller's.
 *
 * @module
 */
import type { z } from 'zod'
import type { OperationId, Operations } from './operations.ts'

type Parsed<T> = T extends z.ZodType ? z.output<T> : undefined

/** Path parameters, query and body with defaults filled in; `undefined` where there is no body. */
export interface Given<Id extends OperationId> {
  readonly params: Parsed<Operations[Id]['params']>
  readonly query: Parsed<Operations[Id]['query']>
  readonly body: Parsed<Operations[Id]['body']>
}

/** What a handler may answer, before the schema has checked it. */
export type Answered<Id extends OperationId> = Operations[Id]['response'] extends z.ZodType
  ? z.input<Operations[Id]['response']>
  : undefined

/** Something that a schema does not like. */
export type InputIssue = z.core.$ZodIssue

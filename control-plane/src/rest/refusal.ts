/**
 * How a handler says no.
 *
 * A refusal is thrown, because it must roll back the transaction it stands in, and because there is exactly one place
 * that turns it into an answer (problem.ts). It is cheap here: operators are few.
 *
 * @module
 */
import { type ProblemCode, type ProblemDetail, problemCodes } from '@headgate/admin-api'

/** What a refusal may carry beside its code. All of it is shown to the operator. */
export interface RefusalParts {
  readonly detail?: string
  readonly errors?: readonly ProblemDetail[]
  /** Header fields of the answer, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>
}

/** The admin API says no. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: ProblemCode
  readonly parts: RefusalParts
  constructor(code: ProblemCode, parts: RefusalParts = {}) {
    super(parts.detail ?? problemCodes[code].title)
    this.code = code
    this.parts = parts
  }
}

/** @throws Refusal, always. */
export function refuse(code: ProblemCode, detail?: string, parts: Omit<RefusalParts, 'detail'> = {}): never {
  throw new Refusal(code, { ...parts, ...(detail === undefined ? {} : { detail }) })
}

/**
 * Refuses one field of the input.
 *
 * @param pointer JSON Pointer into the body, or the name of a parameter.
 * @throws Refusal `input_invalid`, always.
 */
export function refuseInput(pointer: string, code: string, message: string, fix: string): never {
  throw new Refusal('input_invalid', { errors: [{ pointer, code, message, fix }] })
}

/** @throws Refusal `not_found`, always. @param what such as `consumer`. */
export function notFound(what: string, reference: string): never {
  return refuse('not_found', `There is no ${what} ${reference}`)
}

/**
 * Refusals of the admin API that are expected.
 *
 * @module
 */
import { type ProblemCode, ProblemError } from '@headgate/admin-api'

/** Turns a refusal with one of these codes into a value; every other failure goes on. */
export function refusedAs<T>(codes: readonly ProblemCode[], value: T): (thrown: unknown) => T {
  return (thrown) => {
    if (thrown instanceof ProblemError && codes.some((code) => code === thrown.problem.code)) return value
    throw thrown
  }
}

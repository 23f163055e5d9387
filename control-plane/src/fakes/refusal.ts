/**
 * For tests: the problem with which a call is refused.
 *
 * @module
 */
import { type Problem, ProblemError } from '@headgate/admin-api'

/** @throws when the call is not refused, or fails in another way. */
export async function refusal(call: Promise<unknown>): Promise<Problem> {
  try {
    await call
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown.problem
    throw thrown
  }
  throw new Error('it was not refused')
}

/**
 * Publishes the draft and follows the release to the agents.
 *
 * @module
 */
import { type Answer, ProblemError } from '@headgate/admin-api'
import type { Cli, Session } from '#cli/cli.ts'
import { watchRollout } from '#cli/output/rollout.ts'

type Release = Answer<'getRelease'>

interface PublishOptions {
  readonly comment: string
  /** The draft that is meant; a newer one is refused. */
  readonly baseRevision?: number
  /** Place of a pointer in a file. */
  readonly locate?: (pointer: string) => string | undefined
}

/** @returns undefined when the live release says all of it already. */
export async function publish(cli: Cli, session: Session, options: PublishOptions): Promise<Release | undefined> {
  const body = {
    comment: options.comment,
    ...(options.baseRevision === undefined ? {} : { base_revision: options.baseRevision }),
  }
  try {
    const { number } = await session.client.call('publishRelease', { params: session.where(), body })
    return await watchRollout(cli, session, number)
  } catch (thrown) {
    if (thrown instanceof ProblemError && thrown.problem.code === 'nothing_to_publish') return undefined
    throw withPlaces(thrown, options.locate)
  }
}

/** The same failure, with places in a file in front of its pointers. */
export function withPlaces(thrown: unknown, locate: PublishOptions['locate']): unknown {
  if (!(thrown instanceof ProblemError) || thrown.problem.errors === undefined || locate === undefined) return thrown
  const errors = thrown.problem.errors.map((error) => {
    const place = locate(error.pointer)
    return place === undefined ? error : { ...error, pointer: `${place} ${error.pointer}` }
  })
  return new ProblemError({ ...thrown.problem, errors })
}

/**
 * Decides the next push for one environment of one agent.
 *
 * Pure, and asked again after every answer and every change, so there is no history to get out of step with: what an
 * agent holds, what there is, and what it refused is all that counts.
 *
 * @module
 */

/** Largest numbers that the database holds. */
const RELEASE_NUMBER_MAX = 2n ** 31n - 1n
const SEQUENCE_MAX = 2n ** 63n - 1n

/** What there is of an environment. */
export interface Wanted {
  /** Number of the live release; 0: none was published. */
  readonly releaseNumber: number
  readonly directorySequence: bigint
}

/** What one agent has of an environment, as far as it told on this stream. */
export interface AgentPart {
  readonly releaseNumber: number
  readonly directorySequence: bigint
  /** Highest sequence that it was sent; -1: none. May be above what is wanted: reading is later than looking. */
  readonly sentSequence: bigint
  /** The release that it refused; 0: none. */
  readonly refusedRelease: number
  /** Sequence of the whole directory that it refused; -1: none. */
  readonly refusedDirectory: bigint
  /** It refused a delta: the next directory is sent whole. */
  readonly wholeDirectory: boolean
}

export type NextPush =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'directory' }
  | { readonly kind: 'directory_delta'; readonly fromSequence: bigint }
  | { readonly kind: 'release'; readonly number: number }

/** A push that an agent answers. */
export interface SentPush {
  readonly kind: NextPush['kind'] | 'assignment'
  /** Release number, or directory sequence after it. */
  readonly value: bigint
}

/** An agent of which nothing is known yet. */
export const EMPTY_PART: AgentPart = {
  releaseNumber: 0,
  directorySequence: 0n,
  sentSequence: -1n,
  refusedRelease: 0,
  refusedDirectory: -1n,
  wholeDirectory: false,
}

export function planPush(part: AgentPart, wanted: Wanted): NextPush {
  // The directory goes first: a revocation is never behind a large release, and a release that becomes live before
  // its consumers would refuse them all.
  const { directorySequence: has, sentSequence: sent } = part
  // It has seen a database that is gone: its numbers mean something else now.
  const foreign = has > wanted.directorySequence && has > sent
  // From nothing there is no delta, and an empty directory is something: without it an agent admits nobody because it
  // cannot tell, instead of because there is nobody.
  const isNothing = has === 0n && sent === -1n
  const whole = part.wholeDirectory || foreign || isNothing
  // What was refused whole is not sent again before it changed.
  if (whole && wanted.directorySequence > part.refusedDirectory) return { kind: 'directory' }
  if (!whole && has < wanted.directorySequence) return { kind: 'directory_delta', fromSequence: has }
  if (wanted.releaseNumber > part.releaseNumber && wanted.releaseNumber !== part.refusedRelease) {
    return { kind: 'release', number: wanted.releaseNumber }
  }
  return { kind: 'nothing' }
}

/**
 * Whether an agent holds a release that does not exist here, as after the restore of an old backup. Nothing is pushed
 * then: the agent refuses lower numbers, and an operator has to publish past the number it holds.
 */
export function isAhead(part: AgentPart, wanted: Wanted): boolean {
  return part.releaseNumber > wanted.releaseNumber
}

/**
 * What follows from an answer.
 *
 * Judged by what the agent holds now and not by what it claims: otherwise a push that did not take effect would be
 * sent for ever.
 *
 * @param part with what the agent holds after the push.
 */
export function afterOutcome(part: AgentPart, push: SentPush): { readonly part: AgentPart; readonly refused: boolean } {
  switch (push.kind) {
    case 'release': {
      const refused = BigInt(part.releaseNumber) < push.value
      return { refused, part: { ...part, refusedRelease: refused ? Number(push.value) : 0 } }
    }
    case 'directory': {
      const refused = part.directorySequence !== push.value
      return { refused, part: { ...part, wholeDirectory: refused, refusedDirectory: refused ? push.value : -1n } }
    }
    case 'directory_delta': {
      const refused = part.directorySequence !== push.value
      return { refused, part: { ...part, wholeDirectory: refused } }
    }
    case 'assignment':
    case 'nothing':
      return { refused: false, part }
  }
}

/** Whether what an agent says that it holds can be stored. */
export function isHeldValid(held: { readonly releaseNumber: bigint; readonly directorySequence: bigint }): boolean {
  return held.releaseNumber <= RELEASE_NUMBER_MAX && held.directorySequence <= SEQUENCE_MAX
}

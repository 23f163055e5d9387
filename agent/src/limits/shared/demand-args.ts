/**
 * How demands are brought to Redis: the key of each, its eleven arguments, and what comes back as the state of a limit.
 *
 * A key holds nothing of the caller but a hash. What a caller asks of several limits that count by the same parts is in
 * one slot of a Redis Cluster, because the hash tag is of the environment and the caller alone.
 *
 * @module
 */
import { hash } from 'node:crypto'
import type { CompiledLimit, LimitDemand, LimitState } from '@headgate/core'
import { periodAt, periodOf } from '@headgate/core'

/** Length of a hash in base64url: 132 bits. */
const TAG_LENGTH = 22

const LETTERS = { rate: 'r', sliding_window: 's', quota: 'q', concurrency: 'c' } as const

/** What demands have in common that are in one slot. */
export function slotTag(environmentId: string, demand: LimitDemand): string {
  return hash('sha256', `${environmentId} ${demand.key}`, 'base64url').slice(0, TAG_LENGTH)
}

/**
 * Where a demand is counted. A limit that comes to count in another way begins anew.
 *
 * @param group of agents.
 */
export function redisKey(group: string, tag: string, { limit }: LimitDemand): string {
  const { algorithm, unit, windowMs } = limit
  // Parts of a window are numbered by its length.
  const form = algorithm === 'sliding_window' ? `s${windowMs}` : LETTERS[algorithm]
  return `hg:{${tag}}:${group}:${limit.id}:${form}${unit === 'bytes' ? 'b' : ''}`
}

/**
 * Appends the arguments of one demand.
 *
 * @param units that are taken, given back, charged or held.
 * @param mark what the answer to a take said; when it is not a give back, null.
 */
export function pushArgs(
  args: (string | number)[],
  limit: CompiledLimit,
  units: number,
  mark: string | null,
  nowMs: number,
): void {
  const { algorithm, amount, windowMs, burst, unit, shadow } = limit
  args.push(LETTERS[algorithm], amount, windowMs, burst, units, unit === 'bytes' ? 1 : 0, mark ?? (shadow ? 1 : 0))
  if (limit.calendar === null) {
    args.push(0, 0, 0, 0)
    return
  }
  const { number, beginMs, endMs } = periodAt(limit.calendar, nowMs)
  args.push(number, beginMs, endMs, periodOf(limit.calendar, number + 1).endMs)
}

/** Numbers that a take answers for each demand. */
export const ANSWER_NUMBERS = 5

/** The state of one demand in the answer to a take. */
export function readState(limit: CompiledLimit, answer: readonly string[], index: number): LimitState {
  const at = index * ANSWER_NUMBERS
  return stateOf(limit, answer[at] === '1', Number(answer[at + 1]), Number(answer[at + 2]), Number(answer[at + 3]))
}

/** By what it is given back. */
export function readMark(answer: readonly string[], index: number): string {
  return answer[index * ANSWER_NUMBERS + 4] ?? '0'
}

export function stateOf(
  limit: CompiledLimit,
  exceeded: boolean,
  remaining: number,
  resetMs: number,
  retryAfterMs: number,
): LimitState {
  const { policy, algorithm, unit, amount, windowMs, shadow } = limit
  return { policy, algorithm, unit, amount, windowMs, remaining, resetMs, retryAfterMs, exceeded, shadow }
}

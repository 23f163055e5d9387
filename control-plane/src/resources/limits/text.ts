/**
 * How exact a limit is, in one sentence. Pure.
 *
 * @module
 */
import type { CompiledLimit, ErrorBound } from '@headgate/core'

/**
 * Such as `At most 12 more than 1000 per minute over 4 agents; while Redis is away at most 250 more`.
 *
 * @param agents that count together; 0: none is connected.
 */
export function boundText(limit: CompiledLimit, { over, whileAway }: ErrorBound, agents: number): string {
  const sentence = limit.shared === null ? localText(limit) : sharedText(limit, limit.shared, over, whileAway, agents)
  return limit.unit === 'bytes' ? `${sentence}; bytes in flight come on top` : sentence
}

function localText(limit: CompiledLimit): string {
  return `Exactly ${amountText(limit)} on each agent, which counts for itself`
}

function sharedText(
  limit: CompiledLimit,
  { onFailure }: NonNullable<CompiledLimit['shared']>,
  over: number,
  whileAway: number | null,
  agents: number,
): string {
  const among = agents === 0 ? 'with one agent' : agents === 1 ? 'on 1 agent' : `over ${agents} agents`
  const usual =
    over === 0 ? `Exactly ${amountText(limit)} ${among}` : `At most ${over} more than ${amountText(limit)} ${among}`
  return `${usual}; while Redis is away ${awayText(onFailure, whileAway)}`
}

function awayText(onFailure: NonNullable<CompiledLimit['shared']>['onFailure'], whileAway: number | null): string {
  if (whileAway === null) return 'there is no limit'
  if (onFailure !== 'closed') return whileAway === 0 ? 'no more' : `at most ${whileAway} more`
  return whileAway === 0 ? 'all are refused' : `all are refused, but for ${whileAway} that were taken ahead`
}

function amountText(limit: CompiledLimit): string {
  const amount = limit.unit === 'bytes' ? `${limit.amount} bytes` : String(limit.amount)
  return `${amount} ${spanText(limit)}`
}

function spanText({ algorithm, windowMs, calendar }: CompiledLimit): string {
  switch (algorithm) {
    case 'rate':
      return `per ${windowText(windowMs)}`
    case 'sliding_window':
      return `in any ${windowText(windowMs)}`
    case 'concurrency':
      return 'at a time'
    case 'quota':
      return `per ${calendar?.period ?? 'period'}`
  }
}

/** From the largest to the smallest, in milliseconds. */
const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

function windowText(ms: number): string {
  for (const [name, unitMs] of UNITS) {
    if (ms % unitMs === 0) return ms === unitMs ? name : `${ms / unitMs} ${name}s`
  }
  return `${ms} milliseconds`
}

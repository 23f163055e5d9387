/**
 * Limits as they apply, in plain words. Pure.
 *
 * @module
 */
import type { Limit } from '@headgate/admin-api'
import { countText, limitText, listText } from '../words.ts'

export const limitAlgorithms = ['rate', 'sliding_window', 'concurrency', 'quota'] as const

const DAY_MS = 86_400_000

/** A length by which the period can be told, in milliseconds. */
export const periodMs = (period: unknown): number => (period === 'month' ? 31 * DAY_MS : DAY_MS)

/** Such as `1,000 requests / 1 min, 50 at once`, `5 requests per day (Europe/Berlin)`. */
export function amountText(
  limit: Pick<Limit, 'algorithm' | 'unit' | 'amount' | 'window_ms' | 'burst' | 'period' | 'zone'>,
) {
  const { algorithm, unit, amount, window_ms: windowMs, burst, period, zone } = limit
  const counted = limitText({ algorithm, unit, requests: amount, window_ms: windowMs ?? periodMs(period) })
  const atOnce = burst === null || burst === amount ? '' : `, ${countText(burst)} at once`
  return `${counted}${atOnce}${zone === null || zone === 'UTC' ? '' : ` (${zone})`}`
}

/** What is counted apart, such as `consumer and route`, `header x-team`. */
export const keyText = (key: readonly string[]): string =>
  listText(
    key.map((part) => part.replace(/^(header|claim):/, '$1 ')),
    'and',
  )

type Cost = Limit['costs'][number]

/** Such as `POST on orders counts 5`. */
export function costText({ routes, methods, cost }: Cost): string {
  const what = [methods.join(', ') || 'every method', ...(routes.length === 0 ? [] : [`on ${routes.join(', ')}`])]
  return `${what.join(' ')} ${cost === 0 ? 'is free' : `counts ${countText(cost)}`}`
}

const modes = {
  each: 'Redis is asked for every request',
  leased: 'Agents take a share ahead',
} as const

const failures = {
  local_share: 'While it is away, each agent counts its share',
  open: 'While it is away, nobody is limited',
  closed: 'While it is away, all are refused',
} as const

/** Who counts, then how. */
export function countedBy(shared: Limit['shared']): { readonly who: string; readonly how: string } {
  if (shared === null) return { who: 'Each agent for itself', how: '' }
  return { who: 'Each group through Redis', how: `${modes[shared.mode]}. ${failures[shared.on_failure]}` }
}

/** Such as `the environment, public routes`, `service orders`. */
export function placeText({ on, exposure }: Pick<Limit, 'on' | 'exposure'>): string {
  const place = on === 'environment' ? 'the environment' : on.replace('/', ' ')
  return exposure === null ? place : `${place}, ${exposure} routes`
}

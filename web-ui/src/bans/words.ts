/**
 * Bans in plain words. Pure.
 *
 * @module
 */
import type { Ban } from '../api.ts'

/** Such as `203.0.113.0/24`, `consumer mallory`. */
export const whomText = ({ source, consumer }: Pick<Ban, 'source' | 'consumer'>): string =>
  source ?? `consumer ${consumer ?? '?'}`

const HOUR_MS = 3_600_000

/** For how long, in milliseconds; null: until it is lifted. */
export const lengths = [
  { label: '15 minutes', ms: HOUR_MS / 4 },
  { label: '1 hour', ms: HOUR_MS },
  { label: '1 day', ms: 24 * HOUR_MS },
  { label: '7 days', ms: 7 * 24 * HOUR_MS },
  { label: '30 days', ms: 30 * 24 * HOUR_MS },
  { label: 'until it is lifted', ms: null },
] as const

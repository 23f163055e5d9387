/**
 * When a credential was used last, and from where.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import { formatAge } from '#cli/parse/duration.ts'

type LastUsed = Answer<'getKey'>['last_used']

/** Such as `3 min ago`, or `never`. For a column. */
export function formatLastUsed(used: LastUsed, nowMs: number): string {
  return used === null ? 'never' : `${formatAge(nowMs - Date.parse(used.at))} ago`
}

/** The same with source address and agent. */
export function formatLastUsedFrom(used: LastUsed, nowMs: number): string {
  return used === null ? 'never' : `${formatLastUsed(used, nowMs)} from ${used.address} at ${used.agent}`
}

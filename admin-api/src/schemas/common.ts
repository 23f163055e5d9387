/**
 * Pieces that the resources share. Field names are snake_case; instants are RFC 3339 in UTC.
 *
 * @module
 */
import { objectName } from '@headgate/core'
import { z } from 'zod'

export const instant = z.iso.datetime({ precision: 3 }).describe('RFC 3339, UTC')

/** Name or id, as it stands in a path. */
export const reference = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name or an id')

export const newName = objectName

/** Query of every list. */
export const page = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('1-200'),
  cursor: z.string().max(512).optional().describe('next_cursor of the page before'),
}

/** Envelope of every list. */
export function list<T extends z.ZodType>(item: T) {
  return z.object({
    data: z.array(item),
    next_cursor: z.string().nullable(),
    has_more: z.boolean(),
  })
}

/** A flag in a query: `true` or `false`, nothing else. */
export const queryFlag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true')

/** How long a call may wait for agents, in milliseconds. */
export const waitQuery = {
  wait: queryFlag.describe('Answer when the connected agents have answered, or after timeout_ms'),
  timeout_ms: z.coerce.number().int().min(0).max(60_000).default(5_000).describe('Longest wait, in milliseconds'),
}

export const dryRunQuery = { dry_run: queryFlag.describe('Check and show, change nothing') }

/** Something that is wrong with, or strange about, a configuration. */
export const finding = z
  .object({
    code: z.string(),
    severity: z.enum(['error', 'warning']),
    object: z.string().describe('kind/name'),
    origin: z.string(),
    pointer: z.string().describe('JSON Pointer into the spec'),
    message: z.string(),
    fix: z.string(),
  })
  .meta({ id: 'Finding' })

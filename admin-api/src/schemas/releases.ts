/**
 * Releases: published, numbered, signed, immutable.
 *
 * @module
 */
import { z } from 'zod'
import { finding, instant } from './common.ts'
import { change } from './objects.ts'

export const delivery = z
  .object({
    agent: z.string(),
    group: z.string(),
    region: z.string(),
    state: z.enum(['live', 'refused', 'pending', 'unreachable']),
    release_number: z.int().describe('What the agent acts on; 0: nothing'),
    reasons: z.array(z.string()).describe('Why it refused'),
  })
  .meta({ id: 'Delivery' })

export const release = z
  .object({
    id: z.string(),
    number: z.int(),
    live: z.boolean(),
    comment: z.string(),
    rollback_of: z.int().nullable().describe('The release whose content this one brings back'),
    created_by: z.string(),
    created_at: instant,
    objects: z.int().describe('How many objects it holds'),
    key_id: z.string().describe('Which key signed it'),
    deliveries: z.array(delivery),
  })
  .meta({ id: 'Release' })

export const releaseCreate = z.strictObject({
  comment: z.string().max(500).default(''),
  base_revision: z.int().min(0).optional().describe('Refuse when the draft moved on since this revision'),
})
export const rollback = z.strictObject({ comment: z.string().max(500).default('') })

export const published = release.extend({ changes: z.array(change), findings: z.array(finding) })

/** `draft`, `live` or a number. */
export const releaseReference = z
  .string()
  .regex(/^(?:draft|live|r?[1-9][0-9]{0,9})$/, 'draft, live or a release number')

export const diff = z.object({
  from: z.string(),
  to: z.string(),
  draft_revision: z.int(),
  changes: z.array(change),
  findings: z.array(finding).describe('Of the newer side'),
})

/**
 * Kind `role`: a name for a set of scopes, and perhaps a plan: how important the requests of its holders are.
 *
 * A consumer has roles, and a token can name some; whoever has a role has its scopes. What a role gives changes with a
 * release, who has it changes at once.
 *
 * @module
 */
import { z } from 'zod'
import { scopeName } from './common.ts'

/** Who is refused first when there is not room for all, from the first to the last. */
export const priorities = ['low', 'normal', 'high', 'critical'] as const
export type Priority = (typeof priorities)[number]

export const roleSpec = z
  .strictObject({
    scopes: z.array(scopeName).max(256).describe('What whoever has the role may do; empty: the role is a name only'),
    priority: z
      .enum(priorities)
      .optional()
      .describe(
        'Who is refused first when a service or the agent has more than it can do; default: by the exposure of the route',
      ),
    description: z.string().max(2_000).optional().describe('For people'),
  })
  .describe('A named set of scopes')

/** A role as written. */
export type RoleSpec = z.input<typeof roleSpec>

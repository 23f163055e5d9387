/**
 * Kind `role`: a name for a set of scopes.
 *
 * A consumer has roles, and a token can name some; whoever has a role has its scopes. What a role gives changes with a
 * release, who has it changes at once.
 *
 * @module
 */
import { z } from 'zod'
import { scopeName } from './common.ts'

export const roleSpec = z
  .strictObject({
    scopes: z.array(scopeName).max(256).describe('What whoever has the role may do; empty: the role is a name only'),
    description: z.string().max(2_000).optional().describe('For people'),
  })
  .describe('A named set of scopes')

/** A role as written. */
export type RoleSpec = z.input<typeof roleSpec>

/**
 * One thing that would help, and the pieces of its command.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import { OBJECT_NAME } from '@headgate/core'

export type Fix = Explanation['fixes'][number]

export const fix = (description: string, command: string | null = null): Fix => ({ description, command })

/**
 * The name of a consumer in a command. Callers of an issuer are called as it likes, and a command is there to be copied
 * into a shell: what cannot be the name of a consumer here does not get into one.
 */
export const named = (consumer: string): string => (OBJECT_NAME.test(consumer) ? consumer : '<name>')

/** Options of `headgate consumers update`, which names all roles that a consumer shall have. */
export function roleOptions(roles: readonly string[]): string {
  const known = [...new Set(roles)].filter((role) => OBJECT_NAME.test(role) || role === '<role>')
  return known.map((role) => ` --role ${role}`).join('')
}

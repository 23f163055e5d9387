/**
 * Checks the names of roles that a consumer is given.
 *
 * @module
 */
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { Refusal } from '#control-plane/rest/refusal.ts'

/**
 * A misspelt role would give nothing, and nobody would be told. A role that goes later is no error: it gives nothing
 * from the release on that lacks it.
 *
 * @param held roles that the consumer has already: they may stay.
 * @throws Refusal `input_invalid` for a role that is not in the draft.
 */
export async function checkRoles(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  roles: readonly string[],
  held: readonly string[] = [],
): Promise<void> {
  const asked = roles.filter((role) => !held.includes(role))
  if (asked.length === 0) return
  const rows = await tx.configObject.findMany({
    where: { environmentId, kind: 'role', name: { in: asked } },
    select: { name: true },
  })
  const known = new Set([...held, ...rows.map(({ name }) => name)])
  const errors = roles.flatMap((role, index) =>
    known.has(role)
      ? []
      : [
          {
            pointer: `/roles/${index}`,
            code: 'reference_unknown',
            message: `There is no role ${role} in the draft`,
            fix: `Write the role first: kind role, name ${role}`,
          },
        ],
  )
  if (errors.length > 0) throw new Refusal('input_invalid', { errors })
}

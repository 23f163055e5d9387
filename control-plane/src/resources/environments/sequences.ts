/**
 * The numbers of an environment that only rise: revision of the draft, sequence of the directory, number of the live
 * release. Whoever changes something takes the environment's row first, so changes of one environment come one after
 * another, and a lower number is never committed after a higher one.
 *
 * @module
 */
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { notFound } from '#control-plane/rest/refusal.ts'

export interface Sequences {
  readonly draftRevision: bigint
  readonly directorySequence: bigint
  readonly releaseNumber: number
}

/** Takes the environment's row until the transaction ends. */
export async function lockEnvironment(
  tx: Tx,
  { tenantId, environmentId, environmentName }: EnvironmentScope,
): Promise<Sequences> {
  // Guarantee: what is read is what is committed, and nobody else changes it before this transaction ends.
  const [row] = await tx.$queryRaw<Sequences[]>`
    select draft_revision as "draftRevision", directory_sequence as "directorySequence", release_number as "releaseNumber"
    from environments where id = ${environmentId} and tenant_id = ${tenantId} for update`
  return row ?? notFound('environment', environmentName)
}

/** @returns the new revision. */
export async function raiseDraft(tx: Tx, { tenantId, environmentId }: EnvironmentScope): Promise<bigint> {
  const row = await tx.environment.update({
    where: { id: environmentId, tenantId },
    data: { draftRevision: { increment: 1 } },
    select: { draftRevision: true },
  })
  return row.draftRevision
}

/** The update takes the row, so this comes first in a change of the directory. @returns the new sequence. */
export async function raiseDirectory(tx: Tx, { tenantId, environmentId }: EnvironmentScope): Promise<bigint> {
  const row = await tx.environment.update({
    where: { id: environmentId, tenantId },
    data: { directorySequence: { increment: 1 } },
    select: { directorySequence: true },
  })
  return row.directorySequence
}

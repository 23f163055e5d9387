/**
 * Waits for agents to act on a change of the directory, and says which do.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import type { EnvironmentContext } from '#control-plane/rest/contract.ts'

interface Wait {
  readonly wait: boolean
  readonly timeout_ms: number
}

/** @param sequence of the directory with the change. @returns null when nobody waits for it. */
export async function receiptOf(
  context: EnvironmentContext,
  sequence: bigint,
  { wait, timeout_ms: timeoutMs }: Wait,
): Promise<Answered<'revokeKey'>['receipt']> {
  if (!wait) return null
  const { fleet, clock } = context.services
  const startedAt = clock.monotonic()
  const { acked, pending, unreachable } = await fleet.waitForDirectory(
    context.environment.environmentId,
    sequence,
    timeoutMs,
  )
  const waited_ms = Math.round(clock.monotonic() - startedAt)
  return { acked: [...acked], pending: [...pending], unreachable: [...unreachable], waited_ms }
}

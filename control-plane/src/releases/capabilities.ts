/**
 * Refuses what agents in the field would not enforce.
 *
 * @module
 */
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { Refusal } from '#control-plane/rest/refusal.ts'
import { listServingAgents } from './store.ts'

/** @param what needs it, such as `this release`. @throws Refusal `agents_too_old` that names the agents. */
export async function checkCapabilities(tx: Tx, scope: EnvironmentScope, needed: number, what: string): Promise<void> {
  const agents = await listServingAgents(tx, scope)
  // 0: it has enrolled and never said what it can; it will be asked when it connects.
  const old = agents.filter(({ capability }) => capability !== 0 && capability < needed)
  if (old.length === 0) return
  const errors = old.map(({ name, capability }) => ({
    pointer: `/agents/${name}`,
    code: 'agent_too_old',
    message: `Agent ${name} has capability ${capability}; ${what} needs ${needed}`,
    fix: `Upgrade agent ${name}, or revoke it when it is gone`,
  }))
  throw new Refusal('agents_too_old', { errors })
}

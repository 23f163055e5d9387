/**
 * Releases as REST shows them, with where each is live.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import type { Release } from '@headgate/prisma'
import { readSnapshot } from './content.ts'
import type { ServingAgent } from './store.ts'

type Delivery = Answered<'getRelease'>['deliveries'][number]

/** @param live number of the live release. */
export function releaseView(row: Release, live: number, agents: readonly ServingAgent[]): Answered<'getRelease'> {
  return {
    id: row.id,
    number: row.number,
    live: row.number === live,
    comment: row.comment,
    rollback_of: row.rollbackOf,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    objects: readSnapshot(row.snapshot).objects.length,
    key_id: row.keyId,
    deliveries: deliveriesOf(row.number, live, agents),
  }
}

/** Every agent for the live release; for others, those that still act on it. */
function deliveriesOf(number: number, live: number, agents: readonly ServingAgent[]): Delivery[] {
  return agents
    .filter((agent) => number === live || agent.releaseNumber === number)
    .map((agent) => ({
      agent: agent.name,
      group: agent.group,
      region: agent.region,
      state: stateOf(number, agent),
      release_number: agent.releaseNumber,
      reasons: agent.refusedNumber === number ? [...agent.refusedReasons] : [],
    }))
}

// An agent that is away may act on it or be gone: what it said last is shown beside the state, not as the state.
function stateOf(number: number, agent: ServingAgent): Delivery['state'] {
  if (!agent.reachable) return 'unreachable'
  if (agent.releaseNumber === number) return 'live'
  return agent.refusedNumber === number ? 'refused' : 'pending'
}

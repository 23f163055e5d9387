/**
 * What control planes tell each other through Postgres' notifications.
 *
 * A notice is sent in the transaction of the change that it is about, so it is heard when the change can be seen, and
 * not at all when the change is taken back.
 *
 * @module
 */
import type { Prisma } from '@headgate/prisma'

/** Something that agents have to hear of has changed. */
export const CHANGE_CHANNEL = 'headgate'

/** Agents have answered. */
export const ACK_CHANNEL = 'headgate_ack'

/** `id` is that of the environment (`release`, `directory`), agent group (`assignment`) or agent (`agent`). */
export interface ChangeNotice {
  readonly kind: 'release' | 'directory' | 'assignment' | 'agent'
  readonly id: string
}

/** Notices for whoever writes, each inside the transaction of the change. */
export interface FleetNotices {
  /** A release was published, or brought back. */
  notifyRelease(tx: Prisma.TransactionClient, environmentId: string): Promise<void>
  /** A consumer or credential was changed and the environment's sequence raised. */
  notifyDirectory(tx: Prisma.TransactionClient, environmentId: string): Promise<void>
  /** A group's environments were changed. */
  notifyAssignment(tx: Prisma.TransactionClient, groupId: string): Promise<void>
  /** An agent was revoked or moved. */
  notifyAgent(tx: Prisma.TransactionClient, agentId: string): Promise<void>
}

export const fleetNotices: FleetNotices = {
  notifyRelease: (tx, id) => notify(tx, { kind: 'release', id }),
  notifyDirectory: (tx, id) => notify(tx, { kind: 'directory', id }),
  notifyAssignment: (tx, id) => notify(tx, { kind: 'assignment', id }),
  notifyAgent: (tx, id) => notify(tx, { kind: 'agent', id }),
}

async function notify(tx: Prisma.TransactionClient, notice: ChangeNotice): Promise<void> {
  await tx.$executeRaw`select pg_notify(${CHANGE_CHANNEL}, ${JSON.stringify(notice)})`
}

/** @returns null for what this version does not know: the listener then looks at everything. */
export function readChangeNotice(payload: string): ChangeNotice | null {
  try {
    const { kind, id } = JSON.parse(payload) as Partial<Record<string, unknown>>
    if (typeof id !== 'string') return null
    if (kind === 'release' || kind === 'directory' || kind === 'assignment' || kind === 'agent') return { kind, id }
    return null
  } catch {
    return null
  }
}

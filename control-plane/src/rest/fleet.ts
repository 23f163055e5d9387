/**
 * What REST asks of the side that speaks to agents.
 *
 * The `notify` functions run inside the caller's transaction, so that agents hear of a change exactly when it is
 * committed.
 *
 * @module
 */
import type { Tx } from '#control-plane/db.ts'

/** An agent, as receipts name it. */
export interface AgentRef {
  readonly id: string
  readonly name: string
  /** Name of its group. */
  readonly group: string
}

/** Which agents act on a change. */
export interface Acks {
  readonly acked: readonly AgentRef[]
  /** Connected, but have not answered. */
  readonly pending: readonly AgentRef[]
  readonly unreachable: readonly AgentRef[]
}

export interface NewJoinToken {
  readonly id: string
  readonly groupId: string
  readonly expiresAt: Date
  /** Name of the operator. */
  readonly createdBy: string
}

export interface Fleet {
  notifyRelease(tx: Tx, environmentId: string): Promise<void>
  notifyDirectory(tx: Tx, environmentId: string): Promise<void>
  notifyAssignment(tx: Tx, groupId: string): Promise<void>
  notifyAgent(tx: Tx, agentId: string): Promise<void>
  /** Waits until every connected agent that serves the environment holds this directory sequence or a later one. */
  waitForDirectory(environmentId: string, sequence: bigint, timeoutMs: number, signal?: AbortSignal): Promise<Acks>
  /** Waits until every connected agent that serves the environment has accepted or refused this release. */
  waitForRelease(environmentId: string, number: number, timeoutMs: number, signal?: AbortSignal): Promise<unknown>
  /** Stores the hash of a new token in the caller's transaction. @returns its text, which is not kept. */
  createJoinToken(tx: Tx, token: NewJoinToken): Promise<string>
}

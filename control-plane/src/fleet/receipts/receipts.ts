/**
 * Waits until agents have something, and says which ones have.
 *
 * The answer is read from Postgres each time, so it does not matter which control plane an agent is connected to.
 * Acknowledgements only say when it is worth reading again; without them it is read every `POLL_MS`.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { ReceiptStore, ServingAgent } from './store.ts'

/** Pause between two looks without an acknowledgement, in milliseconds. */
const POLL_MS = 500

/** Least time from one look of a wait to the next, in milliseconds: acknowledgements come in swarms. */
const PAUSE_MS_MIN = 20

export interface AgentRef {
  readonly id: string
  readonly name: string
  /** Name of its group. */
  readonly group: string
}

export interface RefusingAgent extends AgentRef {
  readonly reasons: readonly string[]
}

/** Which agents have a directory sequence. `pending` have not answered yet; `unreachable` have no stream. */
export interface DirectoryReceipt {
  readonly acked: readonly AgentRef[]
  readonly pending: readonly AgentRef[]
  readonly unreachable: readonly AgentRef[]
}

/** Which agents have a release, or a later one. */
export interface ReleaseReceipt extends DirectoryReceipt {
  readonly refused: readonly RefusingAgent[]
}

export interface Receipts {
  /** @returns when nobody is pending, when the time is over, or on the signal. Rejects when Postgres does not answer. */
  waitForDirectory(
    environmentId: string,
    sequence: bigint,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<DirectoryReceipt>
  /** @returns when nobody is pending, when the time is over, or on the signal. Rejects when Postgres does not answer. */
  waitForRelease(
    environmentId: string,
    number: number,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ReleaseReceipt>
  /** Something was acknowledged; null: perhaps, of any environment. */
  wake(environmentId: string | null): void
}

export function createReceipts(options: { store: Pick<ReceiptStore, 'readServing'>; clock: Clock }): Receipts {
  const { store, clock } = options
  const waiters = new Set<{ readonly environmentId: string; wakeUp: AbortController }>()

  async function wait<T extends DirectoryReceipt>(
    environmentId: string,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    sort: (agents: readonly ServingAgent[]) => T,
  ): Promise<T> {
    const end = clock.monotonic() + timeoutMs
    const waiter = { environmentId, wakeUp: new AbortController() }
    const onAbort = (): void => waiter.wakeUp.abort()
    signal?.addEventListener('abort', onAbort, { once: true })
    waiters.add(waiter)
    try {
      for (;;) {
        // Before reading: an acknowledgement that comes while it is read is not missed.
        waiter.wakeUp = new AbortController()
        const readAtMs = clock.monotonic()
        const receipt = sort(await store.readServing(environmentId))
        const leftMs = end - clock.monotonic()
        if (receipt.pending.length === 0 || leftMs <= 0 || signal?.aborted === true) return receipt
        await clock.sleep(Math.min(POLL_MS, leftMs), waiter.wakeUp.signal).catch(() => {})
        const pauseMs = readAtMs + PAUSE_MS_MIN - clock.monotonic()
        if (pauseMs > 0) await clock.sleep(pauseMs)
      }
    } finally {
      waiters.delete(waiter)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  return {
    waitForDirectory: (environmentId, sequence, timeoutMs, signal) =>
      wait(environmentId, timeoutMs, signal, (agents) =>
        sortAgents(agents, (agent) => agent.directorySequence >= sequence),
      ),
    waitForRelease: (environmentId, number, timeoutMs, signal) =>
      wait(environmentId, timeoutMs, signal, (agents) => {
        const refusing = agents.filter((agent) => agent.refusedNumber === number && agent.releaseNumber < number)
        const others = agents.filter((agent) => !refusing.includes(agent))
        return {
          ...sortAgents(others, (agent) => agent.releaseNumber >= number),
          refused: refusing.map((agent) => ({ ...refOf(agent), reasons: agent.refusedReasons })),
        }
      }),
    wake: (environmentId) => {
      for (const waiter of waiters) {
        if (environmentId === null || environmentId === waiter.environmentId) waiter.wakeUp.abort()
      }
    },
  }
}

function sortAgents(agents: readonly ServingAgent[], has: (agent: ServingAgent) => boolean): DirectoryReceipt {
  const missing = agents.filter((agent) => !has(agent))
  return {
    acked: agents.filter(has).map(refOf),
    pending: missing.filter(({ reachable }) => reachable).map(refOf),
    unreachable: missing.filter(({ reachable }) => !reachable).map(refOf),
  }
}

function refOf({ id, name, group }: ServingAgent): AgentRef {
  return { id, name, group }
}

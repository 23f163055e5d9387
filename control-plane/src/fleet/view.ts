/**
 * What every agent should have, kept up to date in memory: which group serves which environments, and what there is
 * of each.
 *
 * One query for the whole fleet every `POLL_MS` is the truth; a notice makes the look happen at once, and only at
 * what it names. At most one look is under way: notices that come meanwhile are answered by the next one.
 *
 * When Postgres is away the last view stands, and streams stay up on it.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { ContentStore } from './content/store.ts'
import type { ChangeNotice } from './notices.ts'
import type { Wanted } from './plan.ts'
import type { AgentRow, FleetStore } from './store.ts'

/** Pause between two looks at everything, in milliseconds. */
const POLL_MS = 2_000

/** More environments than this in one go, and everything is looked at instead. */
const TARGETED_MAX = 200

export interface FleetView extends AsyncDisposable {
  /** Ids of the environments that a group serves, sorted. */
  environments(groupId: string): readonly string[]
  /** Undefined when no group serves it. */
  wanted(environmentId: string): Wanted | undefined
  /** Look soon. Null: at everything. */
  wake(notice: ChangeNotice | null): void
  /** Resolves after a look at everything that began after the call. Rejects when Postgres did not answer. */
  refresh(): Promise<void>
}

interface ViewOptions {
  readonly content: Pick<ContentStore, 'readServed' | 'readWanted'>
  readonly fleet: Pick<FleetStore, 'findAgents'>
  readonly clock: Clock
  readonly log: Log
  /** Agents with a stream here. */
  readonly connectedAgents: () => readonly string[]
  /** Called after every look with the rows of the connected agents that were looked at. */
  readonly onView: (agents: readonly AgentRow[], asked: readonly string[]) => void
}

export function createFleetView({ content, fleet, clock, log, connectedAgents, onView }: ViewOptions): FleetView {
  const stop = new AbortController()
  let groups: ReadonlyMap<string, readonly string[]> = new Map()
  let wanted: ReadonlyMap<string, Wanted> = new Map()
  let healthy = true

  /** What the next look is for. */
  let all = false
  let environmentIds = new Set<string>()
  let agentIds = new Set<string>()
  let wakeUp = new AbortController()
  let waiting: PromiseWithResolvers<void>[] = []

  function wake(notice: ChangeNotice | null): void {
    if (notice === null || notice.kind === 'assignment') all = true
    else if (notice.kind === 'agent') agentIds.add(notice.id)
    else environmentIds.add(notice.id)
    wakeUp.abort()
  }

  async function lookAtEverything(): Promise<void> {
    const rows = await content.readServed()
    const nextGroups = new Map<string, string[]>()
    const nextWanted = new Map<string, Wanted>()
    for (const { groupId, environmentId, releaseNumber, directorySequence } of rows) {
      const list = nextGroups.get(groupId)
      if (list === undefined) nextGroups.set(groupId, [environmentId])
      else list.push(environmentId)
      nextWanted.set(environmentId, { releaseNumber, directorySequence })
    }
    groups = nextGroups
    wanted = nextWanted
  }

  async function lookAt(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    const next = new Map(wanted)
    // One that no group serves is of no interest; one that has just been assigned comes with its own notice.
    for (const row of await content.readWanted(ids)) if (next.has(row.environmentId)) next.set(row.environmentId, row)
    wanted = next
  }

  async function look(): Promise<void> {
    const everything = all || environmentIds.size > TARGETED_MAX
    const [ids, asked, promises] = [[...environmentIds], everything ? connectedAgents() : [...agentIds], waiting]
    all = false
    environmentIds = new Set()
    agentIds = new Set()
    if (everything) waiting = []
    try {
      await (everything ? lookAtEverything() : lookAt(ids))
      onView(await fleet.findAgents(asked), asked)
      if (everything) for (const { resolve } of promises) resolve()
      if (!healthy) log.info('the database answers again')
      healthy = true
    } catch (error) {
      if (everything) for (const { reject } of promises) reject(error)
      if (healthy) log.warn({ why: errorText(error) }, 'the database does not answer: agents keep what they have')
      healthy = false
    }
  }

  async function run(): Promise<void> {
    let nextPollAt = clock.monotonic()
    while (!stop.signal.aborted) {
      wakeUp = new AbortController()
      const due = all || environmentIds.size > 0 || agentIds.size > 0
      const pauseMs = nextPollAt - clock.monotonic()
      if (!due && pauseMs > 0) {
        await clock.sleep(pauseMs, wakeUp.signal).catch(() => {})
        continue
      }
      if (pauseMs <= 0) {
        all = true
        nextPollAt = clock.monotonic() + POLL_MS
      }
      await look()
    }
    for (const { reject } of waiting) reject(new Error('the control plane is stopping'))
  }

  const running = run()
  return {
    environments: (groupId) => groups.get(groupId) ?? [],
    wanted: (environmentId) => wanted.get(environmentId),
    wake,
    refresh: () => {
      const result = Promise.withResolvers<void>()
      waiting.push(result)
      wake(null)
      return result.promise
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      wakeUp.abort()
      await running
    },
  }
}

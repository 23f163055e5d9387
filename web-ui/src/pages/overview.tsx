/**
 * The overview of one environment: is it live, who serves it, what was decided, and why.
 *
 * @module
 */
import { useEffect } from 'react'
import { useAddress } from '../address.ts'
import type { Kept } from '../answer.ts'
import type { Agent, Release } from '../api.ts'
import { Agents } from '../overview/agents.tsx'
import { Decisions } from '../overview/decisions.tsx'
import { ExplainPanel } from '../overview/explain-panel.tsx'
import { staleOf, useLive } from '../overview/live.ts'
import { TrafficHour } from '../overview/traffic.tsx'
import { Empty, Stale } from '../parts/notices.tsx'

interface OverviewProps {
  readonly tenant: string
  readonly environment: string
  /** null: nothing published yet. */
  readonly release: Kept<Release | null>
  readonly end: (why: 'expired') => void
}

export function Overview({ tenant, environment, release, end }: OverviewProps) {
  const { query } = useAddress()
  const open = query.get('request')
  const refusedOnly = query.get('outcome') === 'deny'
  const live = useLive(tenant, environment, refusedOnly)
  const all = [release, live.agents, live.decisions, live.traffic]
  const stale = staleOf(all)
  const expired = all.some(({ failure }) => failure?.code === 'not_signed_in')
  useEffect(() => {
    if (expired) end('expired')
  }, [expired, end])
  return (
    <>
      {stale === null ? null : <Stale {...stale} retry={() => all.forEach(({ retry }) => retry())} />}
      <div className={open === null ? 'work' : 'work open'}>
        <div className="column">
          {release.data === null ? <FirstStep /> : <TrafficHour traffic={live.traffic} />}
          <Agents {...{ tenant, environment }} release={release.data} agents={live.agents} />
          <Decisions
            decisions={live.decisions}
            of={String(refusedOnly)}
            refusedOnly={refusedOnly}
            open={open}
            tryCommand={tryCommand(live.agents.data)}
          />
        </div>
        {open === null ? null : <ExplainPanel {...{ tenant, environment }} requestId={open} />}
      </div>
    </>
  )
}

function FirstStep() {
  return (
    <div className="card">
      <Empty title="Nothing is protected here yet" command="npx headgate protect http://localhost:3000 --name billing">
        Name a service that runs, and it is live behind a key and a limit a moment later:
      </Empty>
    </div>
  )
}

/** A request that an agent is sure to answer, with an address it listens on where one is known. */
function tryCommand(agents: readonly Agent[] | undefined): string {
  const listeners = agents?.filter(({ state }) => state === 'connected').flatMap((agent) => agent.listeners) ?? []
  const listener = listeners.find((text) => /^https?:\/\/[^/]+$/.test(text)) ?? 'http://localhost:8080'
  return `curl -i ${listener}/`
}

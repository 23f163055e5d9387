/**
 * The overview of one environment: is it live, who serves it, what was decided, and why.
 *
 * @module
 */
import { useEffect } from 'react'
import { useAddress } from '../address.ts'
import type { Kept } from '../answer.ts'
import type { Agent, Operator } from '../api.ts'
import { Agents } from '../overview/agents.tsx'
import { Decisions } from '../overview/decisions.tsx'
import { ExplainPanel } from '../overview/explain-panel.tsx'
import { staleOf, useLive } from '../overview/live.ts'
import { type Place, usePlace } from '../overview/place.ts'
import { TopBar } from '../overview/top-bar.tsx'
import { TrafficHour } from '../overview/traffic.tsx'
import { Empty, Failed, Skeleton, Stale } from '../parts/notices.tsx'

/** Why there is no session any more. */
type End = (why: 'signed out' | 'expired') => void

interface OverviewProps {
  readonly operator: Operator
  readonly end: End
}

export function Overview({ operator, end }: OverviewProps) {
  const place = usePlace()
  const { tenant, environment } = place
  useExpiry([place.tenants, place.environments], end)
  if (tenant !== null && environment !== null) {
    return <EnvironmentPage key={`${tenant} ${environment}`} {...{ operator, end, place, tenant, environment }} />
  }
  return (
    <>
      <TopBar place={place} release={undefined} operator={operator} signedOut={() => end('signed out')} />
      <main className="page">
        <div className="card">
          <Nowhere place={place} />
        </div>
      </main>
    </>
  )
}

function Nowhere({ place: { tenants, environments, tenant } }: { readonly place: Place }) {
  const missing = tenant === null ? tenants : environments
  if (missing.failure !== undefined) return <Failed what="Tenants" failure={missing.failure} retry={missing.retry} />
  if (missing.data === undefined) return <Skeleton rows={6} of="tenants" />
  if (tenant === null) {
    return (
      <Empty title="There is no tenant yet" command="npx headgate tenants create default">
        A tenant holds environments, services and consumers of its own. Create the first, or ask an owner to let you in:
      </Empty>
    )
  }
  return (
    <Empty title={`${tenant} has no environment yet`} command="npx headgate environments create dev">
      An environment, such as dev or production, has its own routes, keys and releases. Create the first:
    </Empty>
  )
}

interface EnvironmentProps extends OverviewProps {
  readonly place: Place
  readonly tenant: string
  readonly environment: string
}

function EnvironmentPage({ operator, end, place, tenant, environment }: EnvironmentProps) {
  const { query } = useAddress()
  const open = query.get('request')
  const refusedOnly = query.get('outcome') === 'deny'
  const live = useLive(tenant, environment, refusedOnly)
  const all = [live.release, live.agents, live.decisions, live.traffic]
  useExpiry(all, end)
  useEffect(() => {
    document.title = `${tenant} / ${environment} · Headgate`
  }, [tenant, environment])
  const stale = staleOf(all)
  const release = live.release.data
  return (
    <>
      <a className="skip" href="#decisions">
        Skip to the decisions
      </a>
      <TopBar place={place} release={release} operator={operator} signedOut={() => end('signed out')} />
      <main className="page">
        <h1 className="sr">
          Overview of {tenant} / {environment}
        </h1>
        {stale === null ? null : <Stale {...stale} retry={() => all.forEach(({ retry }) => retry())} />}
        <div className={open === null ? 'work' : 'work open'}>
          <div className="column">
            {release === null ? <FirstStep /> : <TrafficHour traffic={live.traffic} />}
            <Agents {...{ tenant, environment, release }} agents={live.agents} />
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
      </main>
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

/** A session that ended shows the way in again, whichever call found out. */
function useExpiry(kept: readonly Kept<unknown>[], end: End): void {
  const expired = kept.some(({ failure }) => failure?.code === 'not_signed_in')
  useEffect(() => {
    if (expired) end('expired')
  }, [expired, end])
}

/** A request that an agent is sure to answer, with an address it listens on where one is known. */
function tryCommand(agents: readonly Agent[] | undefined): string {
  const listeners = agents?.filter(({ state }) => state === 'connected').flatMap((agent) => agent.listeners) ?? []
  const listener = listeners.find((text) => /^https?:\/\/[^/]+$/.test(text)) ?? 'http://localhost:8080'
  return `curl -i ${listener}/`
}

/**
 * The agents that serve an environment, and what each acts on there.
 *
 * @module
 */
import type { Kept } from '../answer.ts'
import type { Agent, Release } from '../api.ts'
import type { Kind } from '../gates.ts'
import { Chip } from '../parts/marks.tsx'
import { Empty, Failed, Skeleton } from '../parts/notices.tsx'
import { timeText } from '../words.ts'

interface AgentsProps {
  readonly tenant: string
  readonly environment: string
  readonly agents: Kept<readonly Agent[]>
  readonly release: Release | null | undefined
}

export function Agents({ tenant, environment, agents, release }: AgentsProps) {
  const here = (agents.data ?? []).filter((agent) => serves(agent, tenant, environment, release))
  return (
    <section className="card" aria-labelledby="agents">
      <header>
        <h2 id="agents">Agents</h2>
        {agents.data === undefined || here.length === 0 ? null : <span className="quiet">{summary(here)}</span>}
      </header>
      <Content here={here} {...{ tenant, environment, agents, release }} />
    </section>
  )
}

function Content({ tenant, environment, agents, release, here }: AgentsProps & { readonly here: readonly Agent[] }) {
  if (agents.data === undefined) {
    if (agents.failure === undefined) return <Skeleton rows={2} of="agents" />
    return <Failed what="Agents" failure={agents.failure} retry={agents.retry} />
  }
  if (here.length === 0) {
    return (
      <Empty title="No agent serves this environment yet" command="npx headgate agents invite --region us-east">
        An agent stands in front of your services and decides each request. This prints the one line that joins one:
      </Empty>
    )
  }
  return (
    <ul className="agents">
      {here.map((agent) => (
        <AgentCard key={agent.id} {...{ agent, tenant, environment, release }} />
      ))}
    </ul>
  )
}

function AgentCard({ agent, tenant, environment, release }: { readonly agent: Agent } & Omit<AgentsProps, 'agents'>) {
  const holding = agent.holdings.find((held) => held.tenant === tenant && held.environment === environment)
  const delivery = deliveryOf(agent, release)
  const refusedNumber = holding?.refused_number ?? null
  const reasons = refusedNumber === null ? [] : (holding?.refused_reasons ?? [])
  return (
    <li>
      <div className="line">
        <strong className="mono">{agent.name}</strong>
        <Chip kind={stateKinds[agent.state]} label={agent.state} />
      </div>
      <div className="line aside">
        <span>
          {agent.group}
          {agent.region === '' || agent.region === agent.group ? '' : `, ${agent.region}`}
        </span>
        <span>
          {holding === undefined || holding.release_number === 0
            ? 'no release yet'
            : `acts on r${holding.release_number}`}
        </span>
      </div>
      {delivery?.state === 'pending' && release ? (
        <Chip kind="limited" label={`r${release.number} is on its way`} />
      ) : null}
      {agent.state === 'unreachable' && agent.seen_at !== null ? (
        <span className="quiet">Last seen {timeText(agent.seen_at)}; goes on with what it knew then</span>
      ) : null}
      {refusedNumber === null ? null : (
        <div className="reasons">
          <Chip kind="refused" label={`refused r${refusedNumber}`} />
          {reasons.map((reason) => (
            <span key={reason}>{reason}</span>
          ))}
        </div>
      )}
    </li>
  )
}

const stateKinds: Readonly<Record<Agent['state'], Kind | 'none'>> = {
  connected: 'allowed',
  unreachable: 'limited',
  revoked: 'none',
}

/** Names of agents are unique within a group only. */
function deliveryOf(agent: Agent, release: Release | null | undefined): Release['deliveries'][number] | undefined {
  return release?.deliveries.find((delivery) => delivery.agent === agent.name && delivery.group === agent.group)
}

/** Before the first release nobody holds anything: then every agent that could is shown. */
function serves(agent: Agent, tenant: string, environment: string, release: Release | null | undefined): boolean {
  if (agent.holdings.some((held) => held.tenant === tenant && held.environment === environment)) return true
  return (release ?? null) === null ? agent.state !== 'revoked' : deliveryOf(agent, release) !== undefined
}

function summary(agents: readonly Agent[]): string {
  const connected = agents.filter(({ state }) => state === 'connected').length
  return `${connected} of ${agents.length} connected`
}

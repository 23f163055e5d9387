/**
 * Everything that most tests need: Postgres, a control plane, agents that joined by real tokens, and a service.
 *
 * One stack per test file. It is torn down in reverse order, also when its start fails half-way.
 *
 * @module
 */
import type { Answer, Client } from '@headgate/admin-api'
import { type TestAgent, startAgent } from './agent.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { createFolder } from './folder.ts'
import { type Database, startDatabase } from './postgres.ts'
import { Hopeless, until } from './until.ts'
import { type Upstream, startUpstream } from './upstream.ts'

/** The environment that every stack has. */
export const SHOP = { tenant: 'acme', environment: 'shop' } as const

/** The agent group that serves it. */
export const GROUP = 'eu-1'

export type AgentInfo = Answer<'getAgent'>
export interface Stack<D extends Database = Database> extends AsyncDisposable {
  readonly directory: string
  readonly database: D
  readonly controlPlane: ControlPlane
  readonly client: Client
  readonly upstream: Upstream
  readonly agents: readonly TestAgent[]
  /** Invites and starts one more, and waits until it is connected. */
  addAgent(options?: { readonly group?: string; readonly env?: Readonly<Record<string, string>> }): Promise<TestAgent>
  agentInfo(name: string): Promise<AgentInfo>
}

interface StackOptions<D extends Database> {
  readonly agents: number
  readonly database?: () => Promise<D>
  readonly controlPlaneEnv?: Readonly<Record<string, string>>
  readonly agentEnv?: Readonly<Record<string, string>>
}

export async function startStack<D extends Database = Database>(options: StackOptions<D>): Promise<Stack<D>> {
  const startedAtMs = performance.now()
  await using resources = new AsyncDisposableStack()
  const directory = resources.use(await createFolder('stack')).path
  const upstream = resources.use(await startUpstream())
  // `D` is `Database` where no other is asked for.
  const database = resources.use(await (options.database ?? (startDatabase as () => Promise<D>))())
  const controlPlane = resources.use(
    await startControlPlane({ databaseUrl: database.url, directory, env: options.controlPlaneEnv ?? {} }),
  )
  const { client } = controlPlane
  await client.call('createTenant', { body: { name: SHOP.tenant } })
  await client.call('createEnvironment', { params: SHOP, body: { name: SHOP.environment, default_limits: false } })
  await client.call('createAgentGroup', { body: { name: GROUP, region: 'eu', environments: [SHOP] } })

  // Takes agents for as long as the stack lives, and ends them first.
  const started = resources.use(new AsyncDisposableStack())
  const agents: TestAgent[] = []
  let invited = 0
  const addAgent: Stack['addAgent'] = async ({ group = GROUP, env = {} } = {}) => {
    // Taken at once: agents are invited side by side, and the first of them is `agent-1`.
    const index = invited++
    const name = `agent-${index + 1}`
    const { token } = await client.call('createJoinToken', { params: { group }, body: {} })
    const agent = await startAgent({ name, joinToken: token, directory, env: { ...options.agentEnv, ...env } })
    agents[index] = agent
    started.use(agent)
    await until(`${name} to be connected`, async () => {
      if (!agent.program.running) throw new Hopeless(`${name} has ended`)
      return (await agentInfo(name)).state === 'connected'
    })
    return agent
  }
  const agentInfo = (name: string): Promise<AgentInfo> => client.call('getAgent', { params: { agent: name } })
  await Promise.all(Array.from({ length: options.agents }, () => addAgent()))
  console.log(`# stack of ${options.agents} agents: ${Math.round(performance.now() - startedAtMs)} ms`)

  const owned = resources.move()
  return {
    directory,
    database,
    controlPlane,
    client,
    upstream,
    agents,
    addAgent,
    agentInfo,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

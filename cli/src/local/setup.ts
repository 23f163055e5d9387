/**
 * What a local start finds or makes through the admin API: operator, tenant, environment, agent group, join token.
 *
 * Everything can be run again: what is there is found, what is missing is made, nothing is replaced.
 *
 * @module
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cli, Session } from '#cli/cli.ts'
import { type Context, readContext, writeContext } from '#cli/connect/context.ts'
import { refusedAs } from '#cli/connect/refused.ts'
import { CliError } from '#cli/exit.ts'
import type { Folder } from './folder.ts'

/** The names that a local start uses. */
export const LOCAL = {
  operator: 'local',
  tenant: 'default',
  environment: 'dev',
  group: 'local',
  agent: 'local-1',
} as const

const WHERE = { tenant: LOCAL.tenant, environment: LOCAL.environment } as const

/** An operator token is replaced this long before it ends, in milliseconds. */
const TOKEN_RENEW_MS = 30 * 86_400_000

/** A certificate of an agent that ends within this time is not worth starting with, in milliseconds. */
const AGENT_CERTIFICATE_MIN_MS = 60_000

/** Signs in with the kept token, or with the link of the first run. */
export async function signIn(cli: Cli, folder: Folder, found: Pick<Context, 'url' | 'ca' | 'proxy'>): Promise<Session> {
  const kept = await readContext(folder.context)
  const context: Context = { tenant: LOCAL.tenant, environment: LOCAL.environment, ...kept, ...found }
  if (context.token !== undefined) {
    const session = await cli.connect(context, folder.context)
    if (await works(session)) {
      await writeContext(folder.context, context)
      return renewToken(cli, folder, session)
    }
  }
  const token = await firstRun(cli, folder, context)
  await writeContext(folder.context, { ...context, token })
  return cli.connect({ ...context, token }, folder.context)
}

async function works({ client }: Session): Promise<boolean> {
  return (await client.call('whoami').catch(refusedAs(['not_signed_in'], undefined))) !== undefined
}

async function firstRun(cli: Cli, folder: Folder, context: Context): Promise<string> {
  const code = /#([A-Za-z0-9_-]{20,})/.exec(await readFile(folder.firstRun, 'utf8').catch(() => ''))?.[1]
  if (code === undefined) {
    throw new CliError(`${folder.context} holds no token that works, and there are operators already`, {
      fix: `Ask an owner for a welcome link: headgate login ${context.url} --context ${folder.context}; or start anew with --data <folder>`,
    })
  }
  const { client } = await cli.connect({ ...context, token: '' }, folder.context)
  const { token } = await client.call('welcome', { body: { code, name: LOCAL.operator, want: 'token' } })
  if (token === null) throw new CliError('the control plane gave no operator token')
  await rm(folder.firstRun, { force: true })
  return token
}

/** A token of a person ends; whoever starts this folder every week should not notice. */
async function renewToken(cli: Cli, folder: Folder, session: Session): Promise<Session> {
  const { client, context } = session
  const { operator } = await client.call('whoami')
  const params = { operator: operator.name }
  const { data } = await client
    .call('listOperatorTokens', { params, query: { limit: 200 } })
    .catch(refusedAs(['not_allowed'], { data: [] }))
  // A hint is a sign such as "…" and the last characters.
  const own = data.find(({ hint, revoked_at: at }) => at === null && (context.token ?? '').endsWith(hint.slice(-4)))
  const expiresAt = own?.expires_at ?? null
  if (own === undefined || expiresAt === null) return session
  if (Date.parse(expiresAt) - cli.terminal.clock.now() > TOKEN_RENEW_MS) return session
  const { token } = await client.call('createOperatorToken', { params, body: { name: 'headgate up' } })
  await writeContext(folder.context, { ...context, token })
  await client.call('revokeOperatorToken', { params: { ...params, token: own.id } })
  return cli.connect({ ...context, token }, folder.context)
}

/** Tenant, environment and agent group. */
export async function ensureBasics({ client }: Session): Promise<void> {
  await foundOr(
    () => client.call('getTenant', { params: { tenant: LOCAL.tenant } }),
    () => client.call('createTenant', { body: { name: LOCAL.tenant } }),
  )
  await foundOr(
    () => client.call('getEnvironment', { params: WHERE }),
    () => client.call('createEnvironment', { params: { tenant: LOCAL.tenant }, body: { name: LOCAL.environment } }),
  )
  await foundOr(
    () => client.call('getAgentGroup', { params: { group: LOCAL.group } }),
    () => client.call('createAgentGroup', { body: { name: LOCAL.group, region: LOCAL.group, environments: [WHERE] } }),
  )
}

/**
 * A join token for an agent that has no identity of use; undefined when it has one.
 *
 * An identity that is unknown to the control plane, revoked, expired or bound to another address is removed: the agent
 * could not come back with it.
 */
export async function joinTokenFor(
  { client }: Session,
  { stateDir, linkAddress, nowMs }: { readonly stateDir: string; readonly linkAddress: string; readonly nowMs: number },
): Promise<string | undefined> {
  const id = await agentIdIn(stateDir)
  if (id !== undefined) {
    const agent = await client.call('getAgent', { params: { agent: id } }).catch(refusedAs(['not_found'], undefined))
    const endsMs = agent === undefined ? 0 : Date.parse(agent.certificate_expires_at)
    const isAlive = agent !== undefined && agent.state !== 'revoked'
    if (isAlive && endsMs - nowMs > AGENT_CERTIFICATE_MIN_MS && (await knowsAddress(stateDir, linkAddress)))
      return undefined
    if (isAlive) await client.call('revokeAgent', { params: { agent: id } })
  }
  await rm(stateDir, { recursive: true, force: true })
  const { token } = await client.call('createJoinToken', { params: { group: LOCAL.group }, body: {} })
  return token
}

/** Id of the agent whose state lies in a folder. */
export async function agentIdIn(stateDir: string): Promise<string | undefined> {
  const text = await readFile(join(stateDir, 'identity.json'), 'utf8').catch(() => '')
  return /"(agt_[0-9A-Z]+)"/.exec(text)?.[1]
}

async function knowsAddress(stateDir: string, address: string): Promise<boolean> {
  return (await readFile(join(stateDir, 'identity.json'), 'utf8')).includes(`"${address}"`)
}

async function foundOr(find: () => Promise<unknown>, make: () => Promise<unknown>): Promise<void> {
  const found = await find().catch(refusedAs(['not_found'], undefined))
  if (found === undefined) await make()
}

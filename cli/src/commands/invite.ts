/**
 * `headgate agents invite`: the one line that lets an agent in.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli, Session, Where } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { refusedAs } from '#cli/connect/refused.ts'
import { CliError, usageError } from '#cli/exit.ts'
import { formatDuration, parseDuration } from '#cli/parse/duration.ts'
import { printable } from '#cli/output/style.ts'

/** How long the line can be used unless `--expires` says otherwise. */
const EXPIRES = '1h'

/** Longest wait for the agent unless `--timeout` says otherwise, in milliseconds. */
const WAIT_MS = 10 * 60_000

const POLL_MS = 500

interface Options {
  readonly region?: string
  readonly group?: string
  readonly expires: string
  readonly wait?: boolean
}

export function inviteCommand(cli: Cli): Command {
  return command('invite', {
    summary: 'Print the one line that joins an agent, and show it connect',
    examples: ['headgate agents invite --region us-east', 'headgate agents invite --group local --wait --timeout 2m'],
  })
    .option('--region <name>', 'Region or VPC of the agent')
    .option('--group <name>', 'Agent group; made when there is none; default: named like the region')
    .option('--expires <duration>', 'How long the line can be used', EXPIRES)
    .option('--wait', 'Wait until the agent is connected (default on a terminal)')
    .option('--no-wait', 'Do not wait')
    .action((options: Options) => invite(cli, options))
}

async function invite(cli: Cli, options: Options): Promise<void> {
  const expiresMs = parseDuration(options.expires)
  if (!expiresMs) throw usageError(`--expires ${options.expires} is not a duration`, 'Such as 1h')
  const session = await cli.session()
  const group = await findGroup(cli, session, options)
  const token = await session.client.call('createJoinToken', { params: { group }, body: { expires_in_ms: expiresMs } })
  const line = `HEADGATE_JOIN_TOKEN=${token.token} npx headgate agent`
  cli.talk.line(`  On the agent's machine, within ${formatDuration(expiresMs)}; it works once:\n`)
  cli.print(
    { ...token, command: line },
    {
      text: ({ command: text }) => (cli.terminal.out.isTerminal ? `  ${text}\n` : `${text}\n`),
      names: ({ id }) => [id],
    },
  )
  if (options.wait ?? cli.terminal.out.isTerminal) await showConnecting(cli, session, group, token.id)
}

/** The group of that name, or a new one that serves the current environment. */
async function findGroup(cli: Cli, session: Session, { region, group: named }: Options): Promise<string> {
  const name = named ?? (region === undefined ? undefined : slug(region))
  if (name === undefined || name === '') throw usageError('where will the agent run?', 'Give --region or --group')
  const where = session.where()
  const found = await session.client
    .call('getAgentGroup', { params: { group: name } })
    .catch(refusedAs(['not_found'], undefined))
  if (found !== undefined) {
    if (found.environments.length === 0) await serve(session, name, [where])
    const serves = found.environments.length === 0 ? [where] : found.environments
    cli.talk.line(`  agent group ${printable(found.name)} serves ${serves.map(text).join(', ')}`)
    return found.name
  }
  const body = { name, region: region ?? name, environments: [where] }
  await session.client.call('createAgentGroup', { body })
  cli.talk.line(`  ${cli.talkStyle.good('+')} agent group ${name}, region ${body.region}, serves ${text(where)}`)
  return name
}

async function serve({ client }: Session, group: string, environments: Where[]): Promise<void> {
  await client.call('updateAgentGroup', { params: { group }, body: { environments } })
}

function text({ tenant, environment }: Where): string {
  return printable(`${tenant}/${environment}`)
}

/** A name that the admin API takes. */
function slug(region: string): string {
  return region
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63)
}

async function showConnecting(cli: Cli, session: Session, group: string, tokenId: string): Promise<void> {
  const timeoutMs = cli.timeoutMs(WAIT_MS)
  cli.talk.line()
  const agent = await cli.talk.step('agent', 'the agent to join and connect', async (say) => {
    const end = cli.terminal.clock.monotonic() + timeoutMs
    for (;;) {
      const name = await joinedAgent(session, group, tokenId)
      if (name !== undefined) {
        say(`${name} to connect`)
        const found = await session.client.call('getAgent', { params: { agent: name } })
        if (found.state === 'connected' && found.holdings.some(({ release_number: number }) => number > 0)) return found
        if (found.state === 'connected' && !(await hasRelease(session))) return found
      }
      if (cli.terminal.clock.monotonic() > end) {
        throw new CliError(`no agent was connected within ${formatDuration(timeoutMs)}`, {
          fix:
            name === undefined
              ? 'The line was not used yet; it still works'
              : `See its log, and headgate agents get ${name}`,
        })
      }
      await cli.terminal.clock.sleep(POLL_MS, cli.terminal.signal)
    }
  })
  const { region, holdings, listeners } = agent
  const holds = holdings.map(({ environment, release_number: number }) => `${environment} r${number}`).join(', ')
  cli.talk.line(
    `  ${cli.talkStyle.good(cli.talkStyle.signs.passed)} ${printable(agent.name)} connected, region ${printable(region)}, ` +
      `listens on ${printable(listeners.join(', ') || 'nothing')}, acts on ${printable(holds || 'nothing yet')}`,
  )
}

async function joinedAgent({ client }: Session, group: string, tokenId: string): Promise<string | undefined> {
  const { data } = await client.call('listJoinTokens', { params: { group }, query: { limit: 200 } })
  return data.find(({ id }) => id === tokenId)?.agent ?? undefined
}

async function hasRelease({ client, where }: Session): Promise<boolean> {
  return (await client.call('getEnvironment', { params: where() })).release_number > 0
}

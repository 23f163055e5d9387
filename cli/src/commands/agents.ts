/**
 * `headgate agents`: data-plane processes and how they join.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { inviteCommand } from '#cli/commands/invite.ts'
import { confirmRemoval } from '#cli/commands/removal.ts'
import { allPages } from '#cli/connect/pages.ts'
import { formatAge } from '#cli/parse/duration.ts'
import { itemView, listView } from '#cli/output/print.ts'

export type Agent = Answer<'getAgent'>

export function agentsCommand(cli: Cli): Command {
  return command('agents', {
    summary: 'Agents: what each acts on, and how new ones join',
    examples: ['headgate agents ls', 'headgate agents invite --region us-east'],
  })
    .addCommand(inviteCommand(cli))
    .addCommand(list(cli))
    .addCommand(get(cli))
    .addCommand(remove(cli))
}

function list(cli: Cli): Command {
  return command('ls', {
    summary: 'List agents',
    examples: ['headgate agents ls', 'headgate agents ls --group us-east -o json'],
  })
    .option('--group <name>', 'Of this agent group only')
    .action(async ({ group }: { readonly group?: string }) => {
      const { client } = await cli.session()
      const query = group === undefined ? {} : { group }
      const agents = await allPages((page) => client.call('listAgents', { query: { ...page, ...query } }))
      cli.print(agents, agentList(cli))
    })
}

function get(cli: Cli): Command {
  return command('get', {
    summary: 'Show an agent',
    examples: ['headgate agents get local-1', 'headgate agents get local-1 -o json'],
  })
    .argument('<agent>', 'Name or id')
    .action(async (agent: string) => {
      const { client } = await cli.session()
      cli.print(await client.call('getAgent', { params: { agent } }), agentView)
    })
}

function remove(cli: Cli): Command {
  return command('rm', {
    summary: 'End the identity of an agent: it is told nothing any more and cannot come back',
    examples: ['headgate agents rm us-east-1', 'headgate agents rm us-east-1 --yes'],
  })
    .argument('<agent>', 'Name or id')
    .action(async (agent: string) => {
      const { client } = await cli.session()
      await confirmRemoval(cli, `the identity of agent ${agent} (it goes on with what it holds; stop the process too)`)
      const { name } = await client.call('revokeAgent', { params: { agent } })
      cli.talk.line(`  agent ${name} is revoked`)
    })
}

function agentList(cli: Cli) {
  return listView<Agent>(
    [
      { title: 'name', value: ({ name }) => name },
      { title: 'group', value: ({ group }) => group },
      { title: 'region', value: ({ region }) => region },
      {
        title: 'state',
        value: ({ state }) => state,
        paint: (text, { state }) => (state === 'connected' ? cli.style.good(text) : cli.style.bad(text)),
      },
      { title: 'releases', value: holdingsOf },
      {
        title: 'seen',
        value: ({ seen_at: at }) =>
          at === null ? 'never' : `${formatAge(cli.terminal.clock.now() - Date.parse(at))} ago`,
      },
      { title: 'version', value: ({ version }) => version },
    ],
    ({ name }) => name,
    'No agents yet. Let one in: headgate agents invite --region <region>',
  )
}

export const agentView = itemView<Agent>(
  (agent) => [
    ['Name', agent.name],
    ['Id', agent.id],
    ['Group', agent.group],
    ['Region', agent.region],
    ['State', agent.state],
    ['Listens', agent.listeners.join(', ')],
    ['Holds', holdingsOf(agent)],
    ...agent.holdings.flatMap(({ environment, refused_number: number, refused_reasons: reasons }): [string, string][] =>
      number === null ? [] : [['Refused', `${environment} r${number}: ${reasons.join('; ')}`]],
    ),
    ['Version', agent.version],
    ['Certificate', `until ${agent.certificate_expires_at}`],
    ['Seen', agent.seen_at ?? 'never'],
  ],
  ({ name }) => name,
)

function holdingsOf({ holdings }: Agent): string {
  return holdings
    .map(({ tenant, environment, release_number: number, refused_number: refused }) => {
      const text = `${tenant}/${environment} r${number}`
      return refused === null ? text : `${text} (refused r${refused})`
    })
    .join(', ')
}

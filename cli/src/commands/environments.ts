/**
 * `headgate environments`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { allPages } from '#cli/connect/pages.ts'
import { itemView, listView } from '#cli/output/print.ts'

type Environment = Answer<'getEnvironment'>

export function environmentsCommand(cli: Cli): Command {
  return command('environments', {
    summary: 'Stages inside a tenant',
    examples: ['headgate environments ls', 'headgate environments create staging'],
  })
    .addCommand(
      command('ls', {
        summary: 'List environments',
        examples: ['headgate environments ls', 'headgate environments ls --tenant acme -o json'],
      }).action(async () => {
        const { client, tenant } = await cli.session()
        const params = { tenant: tenant() }
        cli.print(await allPages((page) => client.call('listEnvironments', { params, query: page })), environmentList)
      }),
    )
    .addCommand(
      command('create', {
        summary: 'Create an environment',
        examples: ['headgate environments create staging', 'headgate environments create production --tenant acme'],
      })
        .argument('<name>', 'Name; part of every API key')
        .action(async (name: string) => {
          const { client, tenant } = await cli.session()
          const created = await client.call('createEnvironment', { params: { tenant: tenant() }, body: { name } })
          cli.print(created, environmentView)
        }),
    )
}

const environmentList = listView<Environment>(
  [
    { title: 'name', value: ({ name }) => name },
    { title: 'tenant', value: ({ tenant }) => tenant },
    { title: 'live', value: liveOf },
    { title: 'id', value: ({ id }) => id },
  ],
  ({ name }) => name,
  'No environments yet. Create one: headgate environments create <name>',
)

const environmentView = itemView<Environment>(
  (environment) => [
    ['Name', environment.name],
    ['Tenant', environment.tenant],
    ['Live', liveOf(environment)],
    ['Id', environment.id],
    ['Created', environment.created_at],
  ],
  ({ name }) => name,
)

function liveOf({ release_number: number }: Environment): string {
  return number === 0 ? 'nothing' : `r${number}`
}

/**
 * `headgate environments`.
 *
 * @module
 */
import { type Answer, defaultLimitNames } from '@headgate/admin-api'
import { type Command, Option } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { allPages } from '#cli/connect/pages.ts'
import { itemView, listView } from '#cli/output/print.ts'

type Environment = Answer<'getEnvironment'>

interface CreateOptions {
  readonly stage?: Environment['stage']
  readonly defaultLimits: boolean
}

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
        examples: ['headgate environments create staging', 'headgate environments create eu-1 --stage production'],
      })
        .argument('<name>', 'Name; part of every API key')
        .addOption(
          new Option('--stage <stage>', 'What it is for; default: what the name says, else production').choices([
            'development',
            'staging',
            'production',
          ]),
        )
        .option('--no-default-limits', 'Begin without limits')
        .action(async (name: string, { stage, defaultLimits }: CreateOptions) => {
          const { client, tenant } = await cli.session()
          const body = { name, ...(stage === undefined ? {} : { stage }), default_limits: defaultLimits }
          const created = await client.call('createEnvironment', { params: { tenant: tenant() }, body })
          cli.print(created, environmentView)
          if (defaultLimits) {
            cli.talk.line(
              `  its draft holds ${defaultLimitNames.join(' and ')}; see them: headgate limits ls --release draft --environment ${name}`,
            )
          }
        }),
    )
}

const environmentList = listView<Environment>(
  [
    { title: 'name', value: ({ name }) => name },
    { title: 'tenant', value: ({ tenant }) => tenant },
    { title: 'stage', value: ({ stage }) => stage },
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
    ['Stage', environment.stage],
    ['Live', liveOf(environment)],
    ['Id', environment.id],
    ['Created', environment.created_at],
  ],
  ({ name }) => name,
)

function liveOf({ release_number: number }: Environment): string {
  return number === 0 ? 'nothing' : `r${number}`
}

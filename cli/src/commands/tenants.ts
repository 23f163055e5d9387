/**
 * `headgate tenants`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { allPages } from '#cli/connect/pages.ts'
import { itemView, listView } from '#cli/output/print.ts'

type Tenant = Answer<'getTenant'>

export function tenantsCommand(cli: Cli): Command {
  return command('tenants', {
    summary: 'Isolation units of customers',
    examples: ['headgate tenants ls', 'headgate tenants create acme'],
  })
    .addCommand(
      command('ls', {
        summary: 'List the tenants that you may see',
        examples: ['headgate tenants ls', 'headgate tenants ls -o name'],
      }).action(async () => {
        const { client } = await cli.session()
        cli.print(await allPages((page) => client.call('listTenants', { query: page })), tenantList)
      }),
    )
    .addCommand(
      command('create', {
        summary: 'Create a tenant',
        examples: ['headgate tenants create acme', 'headgate tenants create acme -o json'],
      })
        .argument('<name>', 'Name')
        .action(async (name: string) => {
          const { client } = await cli.session()
          cli.print(await client.call('createTenant', { body: { name } }), tenantView)
        }),
    )
}

const tenantList = listView<Tenant>(
  [
    { title: 'name', value: ({ name }) => name },
    { title: 'id', value: ({ id }) => id },
    { title: 'created', value: ({ created_at: at }) => at },
  ],
  ({ name }) => name,
  'No tenants yet. Create one: headgate tenants create <name>',
)

const tenantView = itemView<Tenant>(
  (tenant) => [
    ['Name', tenant.name],
    ['Id', tenant.id],
    ['Created', tenant.created_at],
  ],
  ({ name }) => name,
)

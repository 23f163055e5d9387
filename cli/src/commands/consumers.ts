/**
 * `headgate consumers`: configured callers.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { confirmRemoval } from '#cli/commands/removal.ts'
import { allPages } from '#cli/connect/pages.ts'
import { usageError } from '#cli/exit.ts'
import { itemView, listView } from '#cli/output/print.ts'

type Consumer = Answer<'getConsumer'>

export function consumersCommand(cli: Cli): Command {
  return command('consumers', {
    summary: 'Configured callers',
    examples: ['headgate consumers ls', 'headgate consumers disable alice'],
  })
    .addCommand(list(cli))
    .addCommand(get(cli))
    .addCommand(create(cli))
    .addCommand(update(cli))
    .addCommand(toggle(cli, 'disable'))
    .addCommand(toggle(cli, 'enable'))
    .addCommand(remove(cli))
}

function list(cli: Cli): Command {
  return command('ls', {
    summary: 'List consumers',
    examples: ['headgate consumers ls', 'headgate consumers ls -o name'],
  }).action(async () => {
    const { client, where } = await cli.session()
    cli.print(await allPages((page) => client.call('listConsumers', { params: where(), query: page })), consumerList)
  })
}

function get(cli: Cli): Command {
  return command('get', {
    summary: 'Show a consumer',
    examples: ['headgate consumers get alice', 'headgate consumers get alice -o json'],
  })
    .argument('<consumer>', 'Name or id')
    .action(async (consumer: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('getConsumer', { params: { ...where(), consumer } }), consumerView)
    })
}

function create(cli: Cli): Command {
  return command('create', {
    summary: 'Create a consumer; it can call nothing until it has a credential',
    examples: ['headgate consumers create alice --role reader', 'headgate consumers create nightly-export -o json'],
  })
    .argument('<name>', 'Name')
    .option('--role <role>', 'A role that it has; repeat for more', collect)
    .action(async (name: string, { role = [] }: { readonly role?: readonly string[] }) => {
      const { client, where } = await cli.session()
      const body = { name, roles: [...role] }
      cli.print(await client.call('createConsumer', { params: where(), body }), consumerView)
    })
}

interface UpdateOptions {
  readonly role?: readonly string[]
  /** false: it shall have none. */
  readonly roles: boolean
}

function update(cli: Cli): Command {
  return command('update', {
    summary: 'Give a consumer other roles, in place of those that it has; at once on every agent',
    examples: [
      'headgate consumers update alice --role reader --role on-call',
      'headgate consumers update alice --no-roles',
    ],
  })
    .argument('<consumer>', 'Name or id')
    .option('--role <role>', 'A role that it shall have; repeat for more', collect)
    .option('--no-roles', 'It shall have none')
    .action(async (consumer: string, { role = [], roles }: UpdateOptions) => {
      if (role.length > 0 !== roles) throw usageError('which roles?', 'Give --role, once or more, or --no-roles')
      const { client, where } = await cli.session()
      const params = { ...where(), consumer }
      const { revision } = await client.call('getConsumer', { params })
      const call = { params, body: { roles: [...role] }, ifMatch: revision }
      cli.print(await client.call('updateConsumer', call), consumerView)
    })
}

function toggle(cli: Cli, name: 'disable' | 'enable'): Command {
  return command(name, {
    summary:
      name === 'disable' ? 'Switch a consumer off: all of its credentials are refused' : 'Switch a consumer on again',
    examples: [`headgate consumers ${name} alice`, `headgate consumers ${name} alice -o json`],
  })
    .argument('<consumer>', 'Name or id')
    .action(async (consumer: string) => {
      const { client, where } = await cli.session()
      const params = { ...where(), consumer }
      const { revision } = await client.call('getConsumer', { params })
      const call = { params, body: { disabled: name === 'disable' }, ifMatch: revision }
      cli.print(await client.call('updateConsumer', call), consumerView)
    })
}

function remove(cli: Cli): Command {
  return command('rm', {
    summary: 'Delete a consumer and revoke its credentials',
    examples: ['headgate consumers rm alice', 'headgate consumers rm alice --yes'],
  })
    .argument('<consumer>', 'Name or id')
    .action(async (consumer: string) => {
      const { client, where } = await cli.session()
      const params = { ...where(), consumer }
      const keys = await client.call('listKeys', { params: where(), query: { consumer, limit: 200 } })
      const others = await client.call('listCredentials', { params: where(), query: { consumer, limit: 200 } })
      const active = [...keys.data, ...others.data].filter(({ state }) => state === 'active').length
      const more = keys.has_more || others.has_more ? ' or more' : ''
      await confirmRemoval(cli, `consumer ${consumer} and revoke ${active}${more} active credentials`)
      await client.call('deleteConsumer', { params })
      cli.talk.line(`  consumer ${consumer} is deleted, its credentials are revoked`)
    })
}

const consumerList = listView<Consumer>(
  [
    { title: 'name', value: ({ name }) => name },
    { title: 'state', value: stateOf },
    { title: 'roles', value: ({ roles }) => roles.join(',') },
    { title: 'id', value: ({ id }) => id },
    { title: 'created', value: ({ created_at: at }) => at },
  ],
  ({ name }) => name,
  'No consumers yet. One comes with its first key: headgate keys create --consumer <name>',
)

const consumerView = itemView<Consumer>(
  (consumer) => [
    ['Name', consumer.name],
    ['State', stateOf(consumer)],
    ['Roles', consumer.roles.join(', ')],
    ['Id', consumer.id],
    ['Created', consumer.created_at],
    ['Updated', consumer.updated_at],
  ],
  ({ name }) => name,
)

function stateOf({ disabled }: Consumer): string {
  return disabled ? 'disabled' : 'active'
}

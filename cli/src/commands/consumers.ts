/**
 * `headgate consumers`: configured callers.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { confirmRemoval } from '#cli/commands/removal.ts'
import { allPages } from '#cli/connect/pages.ts'
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
    summary: 'Create a consumer; it can call nothing until it has a key',
    examples: ['headgate consumers create alice', 'headgate consumers create nightly-export -o json'],
  })
    .argument('<name>', 'Name')
    .action(async (name: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('createConsumer', { params: where(), body: { name } }), consumerView)
    })
}

function toggle(cli: Cli, name: 'disable' | 'enable'): Command {
  return command(name, {
    summary: name === 'disable' ? 'Switch a consumer off: all of its keys are refused' : 'Switch a consumer on again',
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
    summary: 'Delete a consumer and revoke its keys',
    examples: ['headgate consumers rm alice', 'headgate consumers rm alice --yes'],
  })
    .argument('<consumer>', 'Name or id')
    .action(async (consumer: string) => {
      const { client, where } = await cli.session()
      const params = { ...where(), consumer }
      const keys = await client.call('listKeys', { params: where(), query: { consumer, limit: 200 } })
      const active = keys.data.filter(({ state }) => state === 'active').length
      await confirmRemoval(
        cli,
        `consumer ${consumer} and revoke ${active}${keys.has_more ? ' or more' : ''} active keys`,
      )
      await client.call('deleteConsumer', { params })
      cli.talk.line(`  consumer ${consumer} is deleted, its keys are revoked`)
    })
}

const consumerList = listView<Consumer>(
  [
    { title: 'name', value: ({ name }) => name },
    { title: 'state', value: stateOf },
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
    ['Id', consumer.id],
    ['Created', consumer.created_at],
    ['Updated', consumer.updated_at],
  ],
  ({ name }) => name,
)

function stateOf({ disabled }: Consumer): string {
  return disabled ? 'disabled' : 'active'
}

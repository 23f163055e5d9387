/**
 * `headgate keys ls|get`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { allPages } from '#cli/connect/pages.ts'
import { itemView, listView, type View } from '#cli/output/print.ts'

export type ApiKey = Answer<'getKey'>

export function listCommand(cli: Cli): Command {
  return command('ls', {
    summary: 'List API keys',
    examples: ['headgate keys ls', 'headgate keys ls --consumer alice -o json'],
  })
    .option('--consumer <name>', 'Of this consumer only')
    .action(async ({ consumer }: { readonly consumer?: string }) => {
      const { client, where } = await cli.session()
      const keys = await allPages((page) =>
        client.call('listKeys', {
          params: where(),
          query: { ...page, ...(consumer === undefined ? {} : { consumer }) },
        }),
      )
      cli.print(keys, keyList)
    })
}

export function getCommand(cli: Cli): Command {
  return command('get', {
    summary: 'Show an API key, without the key itself',
    examples: ['headgate keys get key_01KA...', 'headgate keys get key_01KA... -o yaml'],
  })
    .argument('<key>', 'Id of the key')
    .action(async (key: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('getKey', { params: { ...where(), key } }), keyView)
    })
}

const keyList = listView<ApiKey>(
  [
    { title: 'id', value: ({ id }) => id },
    { title: 'consumer', value: ({ consumer }) => consumer },
    { title: 'key', value: ({ hint }) => hint },
    { title: 'state', value: ({ state }) => state },
    { title: 'scopes', value: ({ scopes }) => scopes.join(',') },
    { title: 'expires', value: ({ expires_at: at }) => at ?? 'never' },
    { title: 'name', value: ({ name }) => name },
  ],
  ({ id }) => id,
  'No keys yet. Create one: headgate keys create --consumer <name> --scope <scope>',
)

export const keyView: View<ApiKey> = itemView(
  (key) => [
    ['Id', key.id],
    ['Consumer', key.consumer],
    ['Key', key.hint],
    ['State', key.state],
    ['Scopes', key.scopes.join(', ')],
    ['From', key.addresses.join(', ') || 'anywhere'],
    ['Expires', key.expires_at ?? 'never'],
    ['Name', key.name],
    ['Successor', key.successor_id ?? ''],
    ['Created', `${key.created_at} by ${key.created_by}`],
    ['Revoked', key.revoked_at ?? ''],
  ],
  ({ id }) => id,
)

/**
 * `headgate keys ls|get`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import { type Command, Option } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { allPages } from '#cli/connect/pages.ts'
import { formatLastUsed, formatLastUsedFrom } from '#cli/output/last-used.ts'
import { itemView, listView, type View } from '#cli/output/print.ts'
import { daysOf } from '#cli/parse/expiry.ts'
import { formatLimit } from '#cli/parse/limit.ts'

export type ApiKey = Answer<'getKey'>

const states = ['active', 'disabled', 'revoked', 'expired'] as const satisfies readonly ApiKey['state'][]

interface ListOptions {
  readonly consumer?: string
  readonly state?: ApiKey['state']
  readonly unusedFor?: string
  readonly expiring?: string
}

export function listCommand(cli: Cli): Command {
  return command('ls', {
    summary: 'List API keys',
    examples: ['headgate keys ls --consumer alice', 'headgate keys ls --unused-for 90d -o name'],
  })
    .option('--consumer <name>', 'Of this consumer only')
    .addOption(new Option('--state <state>', 'In this state only').choices(states))
    .option('--unused-for <days>', 'Not used for so long, such as 90d')
    .option('--expiring <days>', 'Those that work and end within so long, such as 30d')
    .action(async (options: ListOptions) => {
      const filter = filterOf(options)
      const { client, where } = await cli.session()
      const keys = await allPages((page) => client.call('listKeys', { params: where(), query: { ...page, ...filter } }))
      cli.print(keys, keyList(cli))
    })
}

function filterOf({ consumer, state, unusedFor, expiring }: ListOptions) {
  return {
    ...(consumer === undefined ? {} : { consumer }),
    ...(state === undefined ? {} : { state }),
    ...(unusedFor === undefined ? {} : { unused_for_days: daysOf('--unused-for', unusedFor) }),
    ...(expiring === undefined ? {} : { expiring_within_days: daysOf('--expiring', expiring) }),
  }
}

export function getCommand(cli: Cli): Command {
  return command('get', {
    summary: 'Show an API key, without the key itself',
    examples: ['headgate keys get key_01KA...', 'headgate keys get key_01KA... -o yaml'],
  })
    .argument('<key>', 'Id of the key')
    .action(async (key: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('getKey', { params: { ...where(), key } }), keyView(cli))
    })
}

/** The columns of keys, wherever they are listed. */
export const keyList = (cli: Cli): View<readonly ApiKey[]> =>
  listView<ApiKey>(
    [
      { title: 'id', value: ({ id }) => id },
      { title: 'consumer', value: ({ consumer }) => consumer },
      { title: 'key', value: ({ hint }) => hint },
      { title: 'state', value: stateText },
      { title: 'scopes', value: ({ scopes }) => scopes.join(',') },
      { title: 'last used', value: ({ last_used: used }) => formatLastUsed(used, cli.terminal.clock.now()) },
      { title: 'expires', value: ({ expires_at: at }) => at ?? 'never' },
      { title: 'name', value: ({ name }) => name },
    ],
    ({ id }) => id,
    'No keys. Create one: headgate keys create --consumer <name> --scope <scope>',
  )

export const keyView = (cli: Cli): View<ApiKey> =>
  itemView(
    (key) => [
      ['Id', key.id],
      ['Consumer', key.consumer],
      ['Key', key.hint],
      ['State', stateText(key)],
      ['Scopes', key.scopes.join(', ')],
      ['From', key.addresses.join(', ') || 'anywhere'],
      ['Limits', key.limits.map((limit) => formatLimit({ ...limit, windowMs: limit.window_ms })).join(', ')],
      ['Expires', key.expires_at ?? 'never'],
      ['Last used', formatLastUsedFrom(key.last_used, cli.terminal.clock.now())],
      ['Name', key.name],
      ['Successor', successorText(key)],
      ['Created', `${key.created_at} by ${key.created_by}`],
      ['Revoked', key.revoked_at ?? ''],
    ],
    ({ id }) => id,
  )

function stateText({ state, decoy }: ApiKey): string {
  return decoy ? `${state} decoy` : state
}

function successorText({ successor_id: successor, rotation }: ApiKey): string {
  if (rotation === null) return successor ?? ''
  const used = rotation.old_still_used ? 'this one is still used' : 'this one was not used since'
  return `${rotation.successor_id}, from ${rotation.rotated_at} on; ${used}`
}

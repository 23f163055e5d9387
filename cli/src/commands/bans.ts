/**
 * `headgate bans`: sources and consumers that are shut out.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { allPages } from '#cli/connect/pages.ts'
import { usageError } from '#cli/exit.ts'
import { itemView, listView, type View } from '#cli/output/print.ts'
import { tellReceipt, type WaitOptions, waitQuery } from '#cli/output/receipt.ts'
import { printable } from '#cli/output/style.ts'
import { expiryOf } from '#cli/parse/expiry.ts'

type Ban = Answer<'getBan'>

interface CreateOptions extends WaitOptions {
  readonly source?: string
  readonly consumer?: string
  readonly reason: string
  readonly for?: string
}

export function bansCommand(cli: Cli): Command {
  return command('bans', {
    summary: 'Sources and consumers that are shut out',
    examples: [
      'headgate bans create --source 203.0.113.0/24 --for 1h --reason "guesses keys"',
      'headgate bans create --consumer mallory --reason "abuse, see ticket 4711"',
    ],
  })
    .addCommand(createCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(getCommand(cli))
    .addCommand(liftCommand(cli))
}

function createCommand(cli: Cli): Command {
  return command('create', {
    summary: 'Shut out a source range or a consumer on all agents, at once',
    examples: [
      'headgate bans create --source 203.0.113.0/24 --for 1h --reason "guesses keys"',
      'headgate bans create --consumer mallory --reason "abuse, see ticket 4711" --wait',
    ],
  })
    .option('--source <range>', 'Address or range, such as 203.0.113.0/24')
    .option('--consumer <name>', 'A consumer, with whatever it presents')
    .requiredOption('--reason <text>', 'Why, for those who come later')
    .option('--for <duration>', 'How long, such as 1h; default: until it is lifted')
    .option('--wait', 'Fail unless every connected agent acts on it in time')
    .option('--no-wait', 'Do not wait for agents')
    .action(async (options: CreateOptions) => {
      const { source, consumer, reason } = options
      if ((source === undefined) === (consumer === undefined)) {
        throw usageError('give --source or --consumer', 'headgate bans create --source 203.0.113.0/24 --reason "..."')
      }
      const expiry = expiryOf(cli, options.for)
      const { client, where } = await cli.session()
      const body = {
        ...(source === undefined ? {} : { source }),
        ...(consumer === undefined ? {} : { consumer }),
        reason,
        ...expiry,
      }
      done(cli, await client.call('createBan', { params: where(), query: waitQuery(cli, options), body }), options)
    })
}

function listCommand(cli: Cli): Command {
  return command('ls', {
    summary: 'List bans, the newest first',
    examples: ['headgate bans ls', 'headgate bans ls --all -o json'],
  })
    .option('--all', 'Those that have ended too')
    .action(async ({ all = false }: { readonly all?: boolean }) => {
      const { client, where } = await cli.session()
      const found = await allPages((page) =>
        client.call('listBans', { params: where(), query: { ...page, state: all ? 'all' : 'active' } }),
      )
      cli.print(found, banList)
    })
}

function getCommand(cli: Cli): Command {
  return command('get', {
    summary: 'Show a ban',
    examples: ['headgate bans get ban_01KA...', 'headgate bans get ban_01KA... -o yaml'],
  })
    .argument('<ban>', 'Id of the ban')
    .action(async (ban: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('getBan', { params: { ...where(), ban } }), banView)
    })
}

function liftCommand(cli: Cli): Command {
  return command('lift', {
    summary: 'Take a ban back',
    examples: ['headgate bans lift ban_01KA...', 'headgate bans lift ban_01KA... --wait'],
  })
    .argument('<ban>', 'Id of the ban')
    .option('--wait', 'Fail unless every connected agent acts on it in time')
    .option('--no-wait', 'Do not wait for agents')
    .action(async (ban: string, options: WaitOptions) => {
      const { client, where } = await cli.session()
      const call = { params: { ...where(), ban }, query: waitQuery(cli, options) }
      done(cli, await client.call('liftBan', call), options)
    })
}

function done(cli: Cli, { receipt, ...ban }: Answer<'createBan'>, options: WaitOptions): void {
  if (cli.options.output === undefined) {
    const end =
      ban.state === 'active'
        ? `active, ${ban.expires_at === null ? 'until it is lifted' : `until ${ban.expires_at}`}`
        : ban.state
    cli.talk.line(`  ${ban.id} of ${printable(whoOf(ban))} is ${end}`)
  } else cli.print(ban, banView)
  tellReceipt(cli, receipt, options)
}

const whoOf = ({ source, consumer }: Ban): string => source ?? `consumer ${consumer ?? '?'}`

const banList: View<readonly Ban[]> = listView<Ban>(
  [
    { title: 'id', value: ({ id }) => id },
    { title: 'who', value: whoOf },
    { title: 'state', value: ({ state }) => state },
    { title: 'until', value: ({ expires_at: at }) => at ?? 'lifted' },
    { title: 'by', value: ({ created_by: by }) => by },
    { title: 'reason', value: ({ reason }) => reason },
  ],
  ({ id }) => id,
  'Nobody is shut out. To shut somebody out: headgate bans create --source <range> --reason <text>',
)

const banView: View<Ban> = itemView(
  (ban) => [
    ['Id', ban.id],
    ['Who', whoOf(ban)],
    ['State', ban.state],
    ['Reason', ban.reason],
    ['Until', ban.expires_at ?? 'it is lifted'],
    ['Created', `${ban.created_at} by ${ban.created_by}`],
    ['Lifted', ban.lifted_at ?? ''],
  ],
  ({ id }) => id,
)

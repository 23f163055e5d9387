/**
 * `headgate keys create`.
 *
 * The key is shown once: on a terminal in a sentence, elsewhere alone on standard output.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { consumerExists } from '#cli/connect/consumer.ts'
import { usageError } from '#cli/exit.ts'
import { expiryOf } from '#cli/parse/expiry.ts'
import { formatLimit, parseLimit } from '#cli/parse/limit.ts'
import { tellReceipt, type WaitOptions, waitQuery } from '#cli/output/receipt.ts'
import { printable } from '#cli/output/style.ts'

type Limit = Answer<'getKey'>['limits'][number]

interface Options extends WaitOptions {
  readonly consumer: string
  readonly name?: string
  readonly scope?: readonly string[]
  readonly address?: readonly string[]
  readonly expires?: string
  readonly limit?: readonly string[]
  readonly decoy?: boolean
}

export function createKeyCommand(cli: Cli): Command {
  return command('create', {
    summary: 'Create an API key; it is shown once',
    examples: [
      'headgate keys create --consumer alice --scope orders:read',
      'KEY=$(headgate keys create --consumer ci --scope orders:read --expires 30d --limit 100/1m)',
    ],
  })
    .requiredOption('--consumer <name>', 'Who presents the key; created when there is none of that name')
    .option('--scope <scope>', 'A right that the key carries; repeat for more', collect)
    .option('--expires <duration>', 'How long it works, such as 30d; default: until it is revoked')
    .option('--address <range>', 'Source range from which it works, such as 10.0.0.0/8; repeat for more', collect)
    .option('--limit <limit>', 'Limit of this key, such as 100/1m; repeat for more', collect)
    .option('--decoy', 'Lay it out as bait: it never works, and whoever presents it is reported')
    .option('--name <text>', 'What it is for')
    .option('--wait', 'Fail unless every connected agent knows it in time')
    .option('--no-wait', 'Do not wait for agents')
    .action((options: Options) => createKey(cli, options))
}

async function createKey(cli: Cli, options: Options): Promise<void> {
  const limits = (options.limit ?? []).map(readLimit)
  const expiry = expiryOf(cli, options.expires)
  const session = await cli.session()
  const isNew = !(await consumerExists(session, options.consumer))
  const created = await session.client.call('createKey', {
    params: session.where(),
    query: waitQuery(cli, options),
    body: {
      consumer: options.consumer,
      create_consumer: true,
      name: options.name ?? '',
      scopes: [...(options.scope ?? [])],
      addresses: [...(options.address ?? [])],
      limits,
      decoy: options.decoy ?? false,
      ...expiry,
    },
  })
  if (isNew) cli.talk.line(`  ${cli.talkStyle.good('+')} consumer ${printable(created.consumer)}`)
  show(cli, created)
  tellReceipt(cli, created.receipt, options)
}

function readLimit(text: string): Limit {
  const limit = parseLimit(text)
  if (limit === undefined) throw usageError(`--limit ${text} is not a limit`, 'Such as 100/1m')
  return { requests: limit.requests, window_ms: limit.windowMs }
}

function show(cli: Cli, created: Answer<'createKey'>): void {
  const { id, key, scopes, addresses, limits, decoy, expires_at: expires, consumer } = created
  if (cli.options.output !== undefined) {
    const { receipt: _receipt, ...data } = created
    cli.print(data, { text: () => `${key}\n`, names: () => [id] })
    return
  }
  cli.talk.line(`  Key of ${printable(consumer)}; it is shown this once:`)
  if (cli.terminal.out.isTerminal) cli.terminal.out.stream.write(`\n  ${cli.style.bold(key)}\n\n`)
  else cli.terminal.out.stream.write(`${key}\n`)
  const facts = [
    id,
    `scopes ${scopes.map(printable).join(', ') || 'none'}`,
    ...(addresses.length === 0 ? [] : [`from ${addresses.map(printable).join(', ')}`]),
    ...limits.map(({ requests, window_ms: windowMs }) => `limit ${formatLimit({ requests, windowMs })}`),
    ...(decoy ? ['a decoy: it never works'] : []),
    expires === null ? 'does not expire' : `expires ${expires}`,
  ]
  cli.talk.line(`  ${cli.talkStyle.dim(facts.join(`  ${cli.talkStyle.signs.dot}  `))}`)
}

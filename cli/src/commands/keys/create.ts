/**
 * `headgate keys create`.
 *
 * The key is shown once: on a terminal in a sentence, elsewhere alone on standard output.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli, Session } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { refusedAs } from '#cli/connect/refused.ts'
import { usageError } from '#cli/exit.ts'
import { parseDuration } from '#cli/parse/duration.ts'
import { tellReceipt, type WaitOptions, waitQuery } from '#cli/output/receipt.ts'
import { printable } from '#cli/output/style.ts'

interface Options extends WaitOptions {
  readonly consumer: string
  readonly name?: string
  readonly scope?: readonly string[]
  readonly address?: readonly string[]
  readonly expires?: string
}

export function createKeyCommand(cli: Cli): Command {
  return command('create', {
    summary: 'Create an API key; it is shown once',
    examples: [
      'headgate keys create --consumer alice --scope orders:read',
      'KEY=$(headgate keys create --consumer ci --scope orders:read --expires 30d)',
    ],
  })
    .requiredOption('--consumer <name>', 'Who presents the key; created when there is none of that name')
    .option('--scope <scope>', 'A right that the key carries; repeat for more', collect)
    .option('--expires <duration>', 'How long it works, such as 30d; default: until it is revoked')
    .option('--address <range>', 'Source range from which it works, such as 10.0.0.0/8; repeat for more', collect)
    .option('--name <text>', 'What it is for')
    .option('--wait', 'Fail unless every connected agent knows it in time')
    .option('--no-wait', 'Do not wait for agents')
    .action((options: Options) => createKey(cli, options))
}

async function createKey(cli: Cli, options: Options): Promise<void> {
  const expiresMs = options.expires === undefined ? undefined : parseDuration(options.expires)
  if (options.expires !== undefined && !expiresMs) {
    throw usageError(`--expires ${options.expires} is not a duration`, 'Such as 30d or 12h')
  }
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
      ...(expiresMs === undefined ? {} : { expires_at: new Date(cli.terminal.clock.now() + expiresMs).toISOString() }),
    },
  })
  if (isNew) cli.talk.line(`  ${cli.talkStyle.good('+')} consumer ${printable(created.consumer)}`)
  show(cli, created)
  tellReceipt(cli, created.receipt, options)
}

async function consumerExists({ client, where }: Session, consumer: string): Promise<boolean> {
  const found = await client
    .call('getConsumer', { params: { ...where(), consumer } })
    .catch(refusedAs(['not_found'], undefined))
  return found !== undefined
}

function show(cli: Cli, created: Answer<'createKey'>): void {
  const { id, key, scopes, addresses, expires_at: expires, consumer } = created
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
    expires === null ? 'does not expire' : `expires ${expires}`,
  ]
  cli.talk.line(`  ${cli.talkStyle.dim(facts.join(`  ${cli.talkStyle.signs.dot}  `))}`)
}

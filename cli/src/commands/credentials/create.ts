/**
 * `headgate credentials create`.
 *
 * @module
 */
import { type Command, Option } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { consumerExists } from '#cli/connect/consumer.ts'
import { tellReceipt, type WaitOptions, waitQuery } from '#cli/output/receipt.ts'
import { printable } from '#cli/output/style.ts'
import { expiryOf } from '#cli/parse/expiry.ts'
import { identityKinds } from './certificate.ts'
import { type ProofOptions, proofOf } from './proof.ts'
import { credentialView, proofText } from './show.ts'

interface Options extends WaitOptions, ProofOptions {
  readonly consumer: string
  readonly name?: string
  readonly scope?: readonly string[]
  readonly address?: readonly string[]
  readonly expires?: string
}

export function createCredentialCommand(cli: Cli): Command {
  return command('create', {
    summary: 'Let a client certificate, or a key that signs requests, prove a consumer',
    examples: [
      'headgate credentials create --consumer ci --certificate ci.pem --by uri --scope orders:read',
      'headgate credentials create --consumer bank --public-key bank.pem --key-id bank-2026 --scope payments:write',
    ],
  })
    .requiredOption('--consumer <name>', 'Whom it proves; created when there is none of that name')
    .option(
      '--certificate <file>',
      'Certificate (PEM) whose name counts, also after its renewal; - reads standard input',
    )
    .addOption(
      new Option('--by <kind>', 'By which name of the certificate; default: uri, else dns').choices(identityKinds),
    )
    .option('--identity <name>', 'The name itself, such as uri:spiffe://acme/ci')
    .option('--public-key <file>', 'Ed25519 public key (PEM) of what signs requests; - reads standard input')
    .option('--secret-ref <reference>', 'Where agents read a shared secret (HMAC-SHA-256): env://NAME or file:///path')
    .option('--key-id <id>', 'What keyid of a signature says')
    .option('--scope <scope>', 'A right that it carries; repeat for more', collect)
    .option('--expires <duration>', 'How long it works, such as 30d; default: until it is revoked')
    .option('--address <range>', 'Source range from which it works, such as 10.0.0.0/8; repeat for more', collect)
    .option('--name <text>', 'What it is for')
    .option('--wait', 'Fail unless every connected agent knows it in time')
    .option('--no-wait', 'Do not wait for agents')
    .action((options: Options) => createCredential(cli, options))
}

async function createCredential(cli: Cli, options: Options): Promise<void> {
  const proof = await proofOf(cli, options)
  const expiry = expiryOf(cli, options.expires)
  const session = await cli.session()
  const isNew = !(await consumerExists(session, options.consumer))
  const { receipt, ...created } = await session.client.call('createCredential', {
    params: session.where(),
    query: waitQuery(cli, options),
    body: {
      ...proof,
      consumer: options.consumer,
      create_consumer: true,
      name: options.name ?? '',
      scopes: [...(options.scope ?? [])],
      addresses: [...(options.address ?? [])],
      ...expiry,
    },
  })
  if (isNew) cli.talk.line(`  ${cli.talkStyle.good('+')} consumer ${printable(created.consumer)}`)
  if (cli.options.output === undefined) {
    cli.talk.line(`  ${cli.talkStyle.good('+')} ${created.id}  ${printable(proofText(created))}`)
  } else cli.print(created, credentialView(cli))
  tellReceipt(cli, receipt, options)
}

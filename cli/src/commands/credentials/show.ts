/**
 * `headgate credentials ls|get`.
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

export type Credential = Answer<'getCredential'>

interface ListOptions {
  readonly consumer?: string
  readonly kind?: Credential['kind']
  readonly state?: Credential['state']
}

export function listCommand(cli: Cli): Command {
  return command('ls', {
    summary: 'List client certificates and keys that sign requests',
    examples: ['headgate credentials ls --consumer ci', 'headgate credentials ls --kind certificate -o json'],
  })
    .option('--consumer <name>', 'Of this consumer only')
    .addOption(new Option('--kind <kind>', 'Of this kind only').choices(['certificate', 'signing_key']))
    .addOption(
      new Option('--state <state>', 'In this state only').choices(['active', 'disabled', 'revoked', 'expired']),
    )
    .action(async ({ consumer, kind, state }: ListOptions) => {
      const { client, where } = await cli.session()
      const filter = {
        ...(consumer === undefined ? {} : { consumer }),
        ...(kind === undefined ? {} : { kind }),
        ...(state === undefined ? {} : { state }),
      }
      const found = await allPages((page) =>
        client.call('listCredentials', { params: where(), query: { ...page, ...filter } }),
      )
      cli.print(found, credentialList(cli))
    })
}

export function getCommand(cli: Cli): Command {
  return command('get', {
    summary: 'Show a credential',
    examples: ['headgate credentials get crd_01KA...', 'headgate credentials get crd_01KA... -o yaml'],
  })
    .argument('<credential>', 'Id of the credential')
    .action(async (credential: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('getCredential', { params: { ...where(), credential } }), credentialView(cli))
    })
}

const credentialList = (cli: Cli): View<readonly Credential[]> =>
  listView<Credential>(
    [
      { title: 'id', value: ({ id }) => id },
      { title: 'consumer', value: ({ consumer }) => consumer },
      { title: 'kind', value: ({ kind }) => kind },
      { title: 'proven by', value: proofText },
      { title: 'state', value: ({ state }) => state },
      { title: 'scopes', value: ({ scopes }) => scopes.join(',') },
      { title: 'last used', value: ({ last_used: used }) => formatLastUsed(used, cli.terminal.clock.now()) },
      { title: 'expires', value: ({ expires_at: at }) => at ?? 'never' },
      { title: 'name', value: ({ name }) => name },
    ],
    ({ id }) => id,
    'No credentials. Create one: headgate credentials create --consumer <name> --certificate <file>',
  )

export const credentialView = (cli: Cli): View<Credential> =>
  itemView(
    (credential) => [
      ['Id', credential.id],
      ['Consumer', credential.consumer],
      ['Kind', credential.kind],
      ['Proven by', proofText(credential)],
      ['State', credential.state],
      ['Scopes', credential.scopes.join(', ')],
      ['From', credential.addresses.join(', ') || 'anywhere'],
      ['Expires', credential.expires_at ?? 'never'],
      ['Last used', formatLastUsedFrom(credential.last_used, cli.terminal.clock.now())],
      ['Name', credential.name],
      ['Created', `${credential.created_at} by ${credential.created_by}`],
      ['Revoked', credential.revoked_at ?? ''],
    ],
    ({ id }) => id,
  )

/** Such as `uri:spiffe://acme/ci`, or `keyid bank-2026, ed25519`. */
export function proofText({ identity, key_id: keyId, algorithm, secret }: Credential): string {
  if (identity !== null) return `${identity.kind}:${identity.value}`
  return [`keyid ${keyId ?? '?'}`, algorithm ?? '?', ...(secret === null ? [] : [secret])].join(', ')
}

/**
 * `headgate credentials grant|revoke|disable|enable`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command, type CommandText } from '#cli/command.ts'
import { CliError } from '#cli/exit.ts'
import { tellReceipt, type WaitOptions, waitQuery } from '#cli/output/receipt.ts'
import { printable } from '#cli/output/style.ts'
import { credentialView, proofText } from './show.ts'

function changing(name: string, text: CommandText): Command {
  return command(name, text)
    .argument('<credential>', 'Id of the credential')
    .option('--wait', 'Fail unless every connected agent acts on it in time')
    .option('--no-wait', 'Do not wait for agents')
}

export function grantCommand(cli: Cli): Command {
  return changing('grant', {
    summary: 'Give a credential more scopes',
    examples: [
      'headgate credentials grant crd_01KA... --scope orders:delete',
      'headgate credentials grant crd_01KA... --scope orders:read --scope orders:write --wait',
    ],
  })
    .requiredOption('--scope <scope>', 'A right; repeat for more', collect)
    .action(async (credential: string, options: WaitOptions & { readonly scope: readonly string[] }) => {
      const { client, where } = await cli.session()
      const params = { ...where(), credential }
      const before = await client.call('getCredential', { params })
      const body = { scopes: [...new Set([...before.scopes, ...options.scope])] }
      done(cli, await client.call('updateCredential', { params, query: waitQuery(cli, options), body }), options)
    })
}

export function revokeCommand(cli: Cli): Command {
  return changing('revoke', {
    summary: 'Revoke a credential for good',
    examples: [
      'headgate credentials revoke crd_01KA... --wait',
      'headgate credentials revoke crd_01KA... --yes --timeout 10s',
    ],
  }).action(async (credential: string, options: WaitOptions) => {
    const { client, where } = await cli.session()
    const params = { ...where(), credential }
    const found = await client.call('getCredential', { params })
    // Nothing asks without a terminal: a script that says revoke means it.
    const asks = cli.terminal.in.isTerminal && cli.terminal.err.isTerminal && cli.options.yes !== true
    if (asks && !(await cli.confirm(`Revoke ${proofText(found)} of ${found.consumer} for good?`))) {
      throw new CliError('nothing was revoked')
    }
    done(cli, await client.call('revokeCredential', { params, query: waitQuery(cli, options) }), options)
  })
}

/** A credential that is off for a while, or on again. */
export function switchCommand(cli: Cli, name: 'disable' | 'enable'): Command {
  return changing(name, {
    summary: name === 'disable' ? 'Switch a credential off for a while' : 'Switch a credential on again',
    examples: [`headgate credentials ${name} crd_01KA...`, `headgate credentials ${name} crd_01KA... --wait`],
  }).action(async (credential: string, options: WaitOptions) => {
    const { client, where } = await cli.session()
    const call = {
      params: { ...where(), credential },
      query: waitQuery(cli, options),
      body: { disabled: name === 'disable' },
    }
    done(cli, await client.call('updateCredential', call), options)
  })
}

function done(cli: Cli, { receipt, ...credential }: Answer<'revokeCredential'>, options: WaitOptions): void {
  if (cli.options.output === undefined) {
    const { id, state, scopes } = credential
    const what = `${printable(id)} (${printable(proofText(credential))})`
    cli.talk.line(`  ${what} is ${state}; scopes ${scopes.map(printable).join(', ') || 'none'}`)
  } else cli.print(credential, credentialView(cli))
  tellReceipt(cli, receipt, options)
}

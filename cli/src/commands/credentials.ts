/**
 * `headgate credentials`: client certificates, and keys that sign requests. API keys are `headgate keys`.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { grantCommand, revokeCommand, switchCommand } from './credentials/change.ts'
import { createCredentialCommand } from './credentials/create.ts'
import { getCommand, listCommand } from './credentials/show.ts'

export function credentialsCommand(cli: Cli): Command {
  return command('credentials', {
    summary: 'Client certificates and keys that sign requests',
    examples: [
      'headgate credentials create --consumer ci --certificate ci.pem --by uri',
      'headgate credentials ls --consumer ci',
    ],
  })
    .addCommand(createCredentialCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(getCommand(cli))
    .addCommand(grantCommand(cli))
    .addCommand(revokeCommand(cli))
    .addCommand(switchCommand(cli, 'disable'))
    .addCommand(switchCommand(cli, 'enable'))
}

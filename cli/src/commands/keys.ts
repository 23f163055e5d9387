/**
 * `headgate keys`: API keys of consumers.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { grantCommand, revokeCommand, rotateCommand, switchCommand } from './keys/change.ts'
import { createKeyCommand } from './keys/create.ts'
import { reportCommand } from './keys/report.ts'
import { getCommand, listCommand } from './keys/show.ts'

export function keysCommand(cli: Cli): Command {
  return command('keys', {
    summary: 'API keys of consumers',
    examples: ['headgate keys create --consumer alice --scope orders:read', 'headgate keys revoke key_01KA... --wait'],
  })
    .addCommand(createKeyCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(getCommand(cli))
    .addCommand(reportCommand(cli))
    .addCommand(grantCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(revokeCommand(cli))
    .addCommand(switchCommand(cli, 'disable'))
    .addCommand(switchCommand(cli, 'enable'))
}

/**
 * `headgate roles create`.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { createObject } from './create.ts'

interface Options {
  readonly scope?: readonly string[]
  readonly description?: string
}

export function createRoleCommand(cli: Cli): Command {
  return command('create', {
    summary: 'Name a set of scopes, in the draft',
    examples: [
      'headgate roles create reader --scope orders:read --scope invoices:read',
      'headgate roles create on-call --description "may call at night"',
    ],
  })
    .argument('<name>', 'Name')
    .option('--scope <scope>', 'What whoever has the role may do; repeat for more', collect)
    .option('--description <text>', 'For people')
    .action((name: string, { scope = [], description }: Options) =>
      createObject(
        cli,
        { kind: 'role', plural: 'roles', name },
        { scopes: [...scope], ...(description === undefined ? {} : { description }) },
      ),
    )
}

/**
 * `headgate whoami`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { itemView } from '#cli/output/print.ts'

export function whoamiCommand(cli: Cli): Command {
  return command('whoami', {
    summary: 'Show who you are for the control plane',
    examples: ['headgate whoami', 'headgate whoami -o json'],
  }).action(async () => {
    const { client, context } = await cli.session()
    cli.print(await client.call('whoami'), whoamiView(context.url))
  })
}

function whoamiView(url: string) {
  return itemView<Answer<'whoami'>>(
    ({ operator }) => [
      ['Operator', `${operator.name} (${operator.kind})`],
      ['Roles', operator.roles.map(({ role, tenant }) => `${role} of ${tenant ?? 'everything'}`).join(', ')],
      ['Id', operator.id],
      ['Control plane', url],
    ],
    ({ operator }) => operator.name,
  )
}

/**
 * `headgate context`: which control plane, tenant and environment commands go to.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { readContext, writeContext } from '#cli/connect/context.ts'
import { findContext } from '#cli/connect/find.ts'
import { usageError } from '#cli/exit.ts'
import { itemView } from '#cli/output/print.ts'

interface Shown {
  readonly source: string
  readonly url: string
  readonly tenant: string | null
  readonly environment: string | null
  /** Whether there is an operator token; the token itself is never shown. */
  readonly signed_in: boolean
}

export function contextCommand(cli: Cli): Command {
  return command('context', {
    summary: 'Show where commands go, and why',
    examples: ['headgate context', 'headgate context set -e staging'],
  })
    .action(async () => {
      const { context, source } = await findContext(cli.terminal, cli.options.context)
      const shown: Shown = {
        source,
        url: context.url,
        tenant: cli.options.tenant ?? context.tenant ?? null,
        environment: cli.options.environment ?? context.environment ?? null,
        signed_in: context.token !== undefined,
      }
      cli.print(shown, contextView)
    })
    .addCommand(
      command('set', {
        summary: 'Keep the tenant or environment that commands go to',
        examples: ['headgate context set -e staging', 'headgate context set --tenant acme -e production'],
      }).action(async () => {
        const { tenant, environment } = cli.options
        if (tenant === undefined && environment === undefined) throw usageError('keep what?', 'Give --tenant or -e')
        const { client, context, source } = await cli.session()
        if (source === 'environment')
          throw usageError('the context comes from HEADGATE_URL, which is no file to keep it in')
        const next = {
          tenant: tenant ?? context.tenant ?? 'default',
          ...(environment === undefined ? {} : { environment }),
        }
        // Only what exists is kept.
        if (environment === undefined) await client.call('getTenant', { params: { tenant: next.tenant } })
        else await client.call('getEnvironment', { params: { tenant: next.tenant, environment } })
        // What the file says, not what environment variables put over it.
        await writeContext(source, { ...((await readContext(source)) ?? context), ...next })
        cli.talk.line(`  commands go to ${next.tenant}/${environment ?? context.environment ?? '?'} now`)
      }),
    )
}

const contextView = itemView<Shown>(
  (shown) => [
    ['Control plane', shown.url],
    ['Tenant', shown.tenant ?? ''],
    ['Environment', shown.environment ?? ''],
    ['Signed in', shown.signed_in ? 'yes' : 'no'],
    ['From', shown.source],
  ],
  ({ url }) => url,
)

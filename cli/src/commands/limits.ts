/**
 * `headgate limits`: how much may be called, as it applies.
 *
 * @module
 */
import type { Answer, Limit } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { CliError, usageError } from '#cli/exit.ts'
import { limitOf } from '#cli/output/limit-text.ts'
import { listView, type View } from '#cli/output/print.ts'

export function limitsCommand(cli: Cli): Command {
  return command('limits', {
    summary: 'How much may be called, and how exact that is',
    examples: ['headgate limits ls', 'headgate limits promote orders.trial'],
  })
    .addCommand(listCommand(cli))
    .addCommand(promoteCommand(cli))
}

function listCommand(cli: Cli): Command {
  return command('ls', {
    summary: 'List limits as they apply',
    examples: ['headgate limits ls', 'headgate limits ls --release draft -o json'],
  })
    .option('--release <release>', 'draft, live or a number', 'live')
    .action(async ({ release }: { readonly release: string }) => {
      const { client, where } = await cli.session()
      const found = await client.call('listLimits', { params: where(), query: { release } })
      cli.print(found.data, limitList(found))
    })
}

function promoteCommand(cli: Cli): Command {
  return command('promote', {
    summary: 'Let a shadow limit of the draft refuse what is above it',
    examples: [
      'headgate limits promote orders.trial',
      'headgate limits promote orders.trial && headgate releases publish',
    ],
  })
    .argument('<policy>', 'Name of the limit policy')
    .action(async (policy: string) => {
      const { client, where } = await cli.session()
      const params = { ...where(), kind: 'policy' as const, name: policy }
      const { spec, origin, revision } = await client.call('getObject', { params })
      if (spec['type'] !== 'limit') throw usageError(`${policy} is no limit`, 'See them: headgate limits ls')
      if (spec['shadow'] !== true) throw new CliError(`${policy} refuses already; nothing was changed`)
      const { shadow: _, ...enforced } = spec
      await client.call('putObject', { params, body: { spec: enforced, origin }, ifMatch: revision })
      cli.talk.line(`  ${policy} refuses what is above it in the draft; live after: headgate releases publish`)
      if (origin.includes(':'))
        cli.talk.warn(`it was written in ${origin}: change it there too, or the next apply takes it back`)
    })
}

function limitList({ release, groups }: Answer<'listLimits'>): View<readonly Limit[]> {
  const none =
    release === 'none'
      ? 'Nothing is live. Limits of the draft: headgate limits ls --release draft'
      : 'No limits. Write one: kind policy, type limit'
  return listView<Limit>(
    [
      { title: 'policy', value: ({ policy }) => policy },
      { title: 'limit', value: limitOf },
      { title: 'key', value: keyText },
      { title: 'on', value: onText },
      { title: 'routes', value: routesText },
      { title: 'shared', value: ({ shared }) => shared?.mode ?? 'no' },
      { title: 'mode', value: ({ shadow }) => (shadow ? 'shadow' : 'refuses') },
      {
        title: 'how exact',
        value: ({ error_bound: bound }) => bound.text + (groups > 1 ? `, in each of ${groups} groups` : ''),
      },
    ],
    ({ policy }) => policy,
    none,
  )
}

const keyText = ({ key, costs }: Limit): string => key.join('+') + (costs.length === 0 ? '' : ', weighted')

const onText = ({ on, exposure }: Limit): string => (exposure === null ? on : `${on}, ${exposure}`)

/** Names that fit into a line. */
const NAMES_SHOWN = 3

function routesText({ routes: { count, names } }: Limit): string {
  if (count === 0) return 'none'
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  return count > NAMES_SHOWN ? `${count}: ${shown}, ...` : shown
}

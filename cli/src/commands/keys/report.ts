/**
 * `headgate keys report`: which keys somebody should look at.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import type { View } from '#cli/output/print.ts'
import type { Style } from '#cli/output/style.ts'
import { daysOf } from '#cli/parse/expiry.ts'
import { keyList } from './show.ts'

type Report = Answer<'reportKeys'>
type Group = Report['unused']

interface Options {
  readonly unusedFor: string
  readonly expiring: string
}

export function reportCommand(cli: Cli): Command {
  return command('report', {
    summary: 'Keys that nobody uses, that end soon, or whose rotation is not finished',
    examples: ['headgate keys report', 'headgate keys report --unused-for 30d --expiring 7d -o json'],
  })
    .option('--unused-for <days>', 'What counts as unused', '90d')
    .option('--expiring <days>', 'What counts as expiring', '30d')
    .action(async ({ unusedFor, expiring }: Options) => {
      const query = {
        unused_for_days: daysOf('--unused-for', unusedFor),
        expiring_within_days: daysOf('--expiring', expiring),
      }
      const { client, where } = await cli.session()
      cli.print(await client.call('reportKeys', { params: where(), query }), reportView(cli))
    })
}

const groups = (report: Report): readonly (readonly [title: string, group: Group])[] => [
  ['never used', report.never_used],
  [`not used for ${report.unused_for_days} days`, report.unused],
  [`expiring within ${report.expiring_within_days} days`, report.expiring],
  [`rotated and still working, ${report.rotating.still_used} of them still used`, report.rotating],
]

const reportView = (cli: Cli): View<Report> => ({
  text: (report, style) => {
    const found = groups(report).filter(([, { count }]) => count > 0)
    const head = `${report.active} ${report.active === 1 ? 'key works' : 'keys work'}`
    if (found.length === 0) return `${head}; none of them needs a look\n`
    return [`${head}\n`, ...found.map(([title, group]) => section(cli, title, group, style))].join('\n')
  },
  // A key can be in two groups.
  names: (report) => [...new Set(groups(report).flatMap(([, { keys }]) => keys.map(({ id }) => id)))],
})

function section(cli: Cli, title: string, { count, keys }: Group, style: Style): string {
  const more = count > keys.length ? `${style.dim(`and ${count - keys.length} more`)}\n` : ''
  return `${style.bold(`${count} ${title}`)}\n${keyList(cli).text(keys, style)}${more}`
}

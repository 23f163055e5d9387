/**
 * `headgate releases` and `headgate rollback`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { allPages } from '#cli/connect/pages.ts'
import { publish } from '#cli/connect/publish.ts'
import { exitCodes, usageError } from '#cli/exit.ts'
import { countChanges, renderChanges } from '#cli/output/changes.ts'
import { hasErrors, renderFindings } from '#cli/output/findings.ts'
import { itemView, listView } from '#cli/output/print.ts'
import { watchRollout } from '#cli/output/rollout.ts'

type Release = Answer<'getRelease'>

export function releasesCommand(cli: Cli): Command {
  return command('releases', {
    summary: 'Published configuration, numbered and signed',
    examples: ['headgate releases ls', 'headgate releases rollback r1'],
  })
    .addCommand(list(cli))
    .addCommand(show(cli))
    .addCommand(watch(cli))
    .addCommand(publishCommand(cli))
    .addCommand(rollbackCommand(cli))
}

function list(cli: Cli): Command {
  return command('ls', {
    summary: 'List releases, newest first',
    examples: ['headgate releases ls', 'headgate releases ls -o name'],
  }).action(async () => {
    const { client, where } = await cli.session()
    cli.print(await allPages((page) => client.call('listReleases', { params: where(), query: page })), releaseList)
  })
}

function show(cli: Cli): Command {
  return command('show', {
    summary: 'Show a release and where it is live',
    examples: ['headgate releases show live', 'headgate releases show r3 -o json'],
  })
    .argument('[release]', 'Such as r3', 'live')
    .action(async (number: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('getRelease', { params: { ...where(), number } }), releaseView)
    })
}

function watch(cli: Cli): Command {
  return command('watch', {
    summary: 'Wait until every connected agent acts on a release',
    examples: ['headgate releases watch', 'headgate releases watch r3 --timeout 2m'],
  })
    .argument('[release]', 'Such as r3', 'live')
    .action(async (number: string) => {
      const session = await cli.session()
      const release = await session.client.call('getRelease', { params: { ...session.where(), number } })
      await watchRollout(cli, session, release.number)
    })
}

function publishCommand(cli: Cli): Command {
  return command('publish', {
    summary: 'Publish the draft as the next release',
    examples: ['headgate releases publish', 'headgate releases publish --comment "close the old route"'],
  })
    .option('--comment <text>', 'Comment of the release', '')
    .option('--dry-run', 'Show what would change, change nothing')
    .action(async ({ comment, dryRun }: { readonly comment: string; readonly dryRun?: boolean }) => {
      const session = await cli.session()
      const query = { from: 'live', to: 'draft' }
      const diff = await session.client.call('diffReleases', { params: session.where(), query })
      if (diff.changes.length > 0)
        cli.talk.line(`${renderChanges(diff.changes, cli.talkStyle)}  ${countChanges(diff.changes)}`)
      if (diff.findings.length > 0) cli.talk.line(renderFindings(diff.findings, cli.talkStyle).trimEnd())
      if (dryRun === true) return cli.exit(hasErrors(diff.findings) ? exitCodes.failed : exitCodes.ok)
      const release = await publish(cli, session, { comment, baseRevision: diff.draft_revision })
      if (release === undefined) cli.talk.line('  nothing to do: the draft equals the live release')
      else if (cli.options.output !== undefined) cli.print(release, releaseView)
    })
}

/** Also `headgate rollback`. */
export function rollbackCommand(cli: Cli): Command {
  return command('rollback', {
    summary: 'Publish the content of an earlier release under a new number; the draft stays as it is',
    examples: ['headgate rollback r1', 'headgate rollback r1 --comment "r2 refused partners"'],
  })
    .argument('<release>', 'Such as r1')
    .option('--comment <text>', 'Comment of the release', '')
    .option('--dry-run', 'Show what would change, change nothing')
    .action(async (number: string, { comment, dryRun }: { readonly comment: string; readonly dryRun?: boolean }) => {
      if (!/^r?[1-9][0-9]*$/.test(number))
        throw usageError(`${number} is not a release`, 'Such as r1; see headgate releases ls')
      const session = await cli.session()
      const call = { params: { ...session.where(), number }, body: { comment } }
      const query = { dry_run: dryRun === true ? 'true' : 'false' } as const
      const published = await session.client.call('rollbackRelease', { ...call, query })
      cli.talk.line(`${renderChanges(published.changes, cli.talkStyle)}  ${countChanges(published.changes)}`)
      if (dryRun === true) return
      const release = await watchRollout(cli, session, published.number)
      // Whoever publishes next would bring back what was just taken away.
      cli.talk.line('  the draft stays as it was; what it holds beyond this: headgate diff live draft')
      if (cli.options.output !== undefined) cli.print(release, releaseView)
    })
}

const releaseList = listView<Release>(
  [
    { title: 'release', value: ({ number }) => `r${number}` },
    { title: 'state', value: ({ live }) => (live ? 'live' : 'earlier') },
    { title: 'agents', value: liveOn },
    { title: 'objects', value: ({ objects }) => String(objects) },
    { title: 'by', value: ({ created_by: by }) => by },
    { title: 'at', value: ({ created_at: at }) => at },
    { title: 'comment', value: commentOf },
  ],
  ({ number }) => `r${number}`,
  'No releases yet. Publish the draft: headgate releases publish',
)

const releaseView = itemView<Release>(
  (release) => [
    ['Release', `r${release.number}`],
    ['State', release.live ? 'live' : 'earlier'],
    ['Objects', String(release.objects)],
    ['Comment', commentOf(release)],
    ['Published', `${release.created_at} by ${release.created_by}`],
    ['Signed by', release.key_id],
    ...release.deliveries.map(({ agent, state, region, reasons }): [string, string] => [
      `Agent ${agent}`,
      [state, region, ...reasons].filter((text) => text !== '').join(', '),
    ]),
  ],
  ({ number }) => `r${number}`,
)

function commentOf({ comment, rollback_of: of }: Release): string {
  return [...(of === null ? [] : [`content of r${of}`]), ...(comment === '' ? [] : [comment])].join('; ')
}

function liveOn({ deliveries, live }: Release): string {
  if (!live) return ''
  return `${deliveries.filter(({ state }) => state === 'live').length} of ${deliveries.length}`
}

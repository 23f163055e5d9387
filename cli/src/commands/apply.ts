/**
 * `headgate apply`: makes the draft what a file says, publishes it, and follows it to the agents.
 *
 * Nothing is removed without `--prune`, and then only after it was counted and confirmed. The draft that was compared
 * is the draft that is changed: when somebody else changed it in between, nothing happens.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli, Session } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { confirmRemoval } from '#cli/commands/removal.ts'
import { publish, withPlaces } from '#cli/connect/publish.ts'
import { CliError } from '#cli/exit.ts'
import { loadObjects } from '#cli/files/load.ts'
import type { ObjectFile } from '#cli/files/objects.ts'
import { countChanges, renderChanges } from '#cli/output/changes.ts'
import { hasErrors, renderFindings } from '#cli/output/findings.ts'

interface Options {
  readonly file?: readonly string[]
  readonly prune?: boolean
  readonly dryRun?: boolean
  readonly publish: boolean
  readonly comment?: string
}

export function applyCommand(cli: Cli): Command {
  return command('apply', {
    summary: 'Make the draft what a file says, and publish it',
    examples: [
      'headgate apply -f headgate.yaml',
      'headgate apply -f headgate.yaml --prune --yes --comment "retire v1"',
    ],
  })
    .option('-f, --file <file>', 'File, or - for standard input; repeat for more; default: headgate.yaml', collect)
    .option('--prune', 'Remove objects that the file does not list')
    .option('--dry-run', 'Show what would change, change nothing')
    .option('--no-publish', 'Leave it in the draft')
    .option('--comment <text>', 'Comment of the release')
    .action(async (options: Options) => {
      const source = await loadObjects(cli.terminal, options.file ?? [])
      const session = await cli.session()
      try {
        await apply(cli, session, source, options)
      } catch (thrown) {
        throw withPlaces(thrown, source.locate)
      }
    })
}

async function apply(cli: Cli, session: Session, source: ObjectFile, options: Options): Promise<void> {
  const { client, where } = session
  const { draft_revision: base } = await client.call('getEnvironment', { params: where() })
  const body = { objects: [...source.objects], prune: options.prune ?? false, base_revision: base }
  const plan = await client.call('applyObjects', { params: where(), query: { dry_run: 'true' }, body })
  await tellPlan(cli, plan, source, options)
  if (options.dryRun === true) return

  const applied = plan.changes.length === 0 ? plan : await client.call('applyObjects', { params: where(), body })
  const revision = plan.changes.length === 0 ? base : applied.draft_revision
  if (!options.publish) {
    cli.talk.line(`  in the draft of ${where().environment}; live after: headgate releases publish`)
    return
  }
  const release = await publish(cli, session, { comment: options.comment ?? '', baseRevision: revision })
  if (release === undefined) cli.talk.line('  nothing to do: the live release says all of it already')
  else if (cli.options.output !== undefined)
    cli.print(release, { text: () => '', names: ({ number }) => [`r${number}`] })
}

async function tellPlan(cli: Cli, plan: Answer<'applyObjects'>, source: ObjectFile, options: Options): Promise<void> {
  const { changes, unlisted, findings } = plan
  if (changes.length > 0) cli.talk.line(`${renderChanges(changes, cli.talkStyle)}  ${countChanges(changes)}`)
  if (findings.length > 0) cli.talk.line(renderFindings(findings, cli.talkStyle, source.locateObject).trimEnd())
  if (options.prune !== true && unlisted.length > 0) {
    cli.talk.line(`  in the draft, but not in the file (they stay, unless with --prune): ${unlisted.join(', ')}`)
  }
  if (hasErrors(findings)) throw new CliError('nothing was changed: it cannot be published as it is')
  const removed = changes.filter(({ change }) => change === 'removed')
  if (removed.length > 0 && options.dryRun !== true) {
    const names = removed.map(({ kind, name }) => `${kind}/${name}`)
    await confirmRemoval(cli, `${removed.length} ${removed.length === 1 ? 'object' : 'objects'} (${names.join(', ')})`)
  }
}

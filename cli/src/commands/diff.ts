/**
 * `headgate diff`: what a file, the draft or a release would change.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { withPlaces } from '#cli/connect/publish.ts'
import { exitCodes, usageError } from '#cli/exit.ts'
import { loadObjects } from '#cli/files/load.ts'
import { type Change, countChanges, renderChanges } from '#cli/output/changes.ts'
import { type Finding, type LocateObject, renderFindings } from '#cli/output/findings.ts'

interface Options {
  readonly file?: readonly string[]
  readonly prune?: boolean
}

export function diffCommand(cli: Cli): Command {
  return command('diff', {
    summary: 'Show what a file would change in the draft, or how two releases differ; exit code 2 when they do',
    examples: ['headgate diff -f headgate.yaml', 'headgate diff live draft'],
  })
    .argument('[from]', 'A release such as r3, live or draft')
    .argument('[to]', 'A release such as r3, live or draft', 'draft')
    .option('-f, --file <file>', 'File, or - for standard input; repeat for more; default: headgate.yaml', collect)
    .option('--prune', 'Count objects that the file does not list as removed')
    .action(async (from: string | undefined, to: string, options: Options) => {
      if (from !== undefined && options.file !== undefined) throw usageError('compare a file or two releases, not both')
      await (from === undefined ? diffFile(cli, options) : diffReleases(cli, from, to))
    })
}

async function diffFile(cli: Cli, { file = [], prune = false }: Options): Promise<void> {
  const source = await loadObjects(cli.terminal, file)
  const { client, where } = await cli.session()
  const body = { objects: [...source.objects], prune }
  const { changes, unlisted, findings } = await client
    .call('applyObjects', { params: where(), query: { dry_run: 'true' }, body })
    .catch((thrown: unknown) => {
      throw withPlaces(thrown, source.locate)
    })
  tell(cli, changes, findings, source.locateObject)
  if (!prune && unlisted.length > 0) {
    cli.talk.line(`  in the draft, but not in the file (they stay, unless with --prune): ${unlisted.join(', ')}`)
  }
}

async function diffReleases(cli: Cli, from: string, to: string): Promise<void> {
  const { client, where } = await cli.session()
  const { changes, findings } = await client.call('diffReleases', { params: where(), query: { from, to } })
  tell(cli, changes, findings)
}

function tell(cli: Cli, changes: readonly Change[], findings: readonly Finding[], locate?: LocateObject): void {
  cli.print(changes, {
    text: (all, style) => renderChanges(all, style),
    names: (all) => all.map(({ kind, name }) => `${kind}/${name}`),
  })
  cli.talk.line(`  ${countChanges(changes)}`)
  if (findings.length > 0) cli.talk.line(renderFindings(findings, cli.talkStyle, locate).trimEnd())
  if (changes.length > 0) cli.exit(exitCodes.differs)
}

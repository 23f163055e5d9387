/**
 * `headgate validate`: whether a file could be published, judged by the control plane without changing anything.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command } from '#cli/command.ts'
import { withPlaces } from '#cli/connect/publish.ts'
import { CliError } from '#cli/exit.ts'
import { loadObjects } from '#cli/files/load.ts'
import { hasErrors, renderFindings } from '#cli/output/findings.ts'

export function validateCommand(cli: Cli): Command {
  return command('validate', {
    summary: 'Check a file without changing anything',
    examples: ['headgate validate -f headgate.yaml', 'cat *.yaml | headgate validate -f -'],
  })
    .option('-f, --file <file>', 'File, or - for standard input; repeat for more; default: headgate.yaml', collect)
    .action(async ({ file = [] }: { readonly file?: readonly string[] }) => {
      const { objects, locate, locateObject } = await loadObjects(cli.terminal, file)
      const { client, where } = await cli.session()
      try {
        const { findings } = await client.call('applyObjects', {
          params: where(),
          query: { dry_run: 'true' },
          // As if the file were all there is.
          body: { objects: [...objects], prune: true },
        })
        const shown = findings.map((finding) => ({
          ...finding,
          origin: locateObject(finding.object, finding.pointer) ?? finding.origin,
        }))
        cli.print(shown, {
          text: (all, style) => renderFindings(all, style),
          names: (all) => all.map(({ object }) => object),
        })
        if (hasErrors(findings)) throw new CliError('it cannot be published as it is')
        cli.talk.line(`  ${objects.length} objects are fine`)
      } catch (thrown) {
        throw withPlaces(thrown, locate)
      }
    })
}

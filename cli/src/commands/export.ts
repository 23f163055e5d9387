/**
 * `headgate export`: the draft as a file.
 *
 * @module
 */
import { rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { renderObjects } from '#cli/files/render.ts'

export function exportCommand(cli: Cli): Command {
  return command('export', {
    summary: 'Write the draft as YAML; the same draft always gives the same bytes',
    examples: ['headgate export > headgate.yaml', 'headgate export -f headgate.yaml -e staging'],
  })
    .option('-f, --file <file>', 'Write to this file in place of standard output')
    .action(async ({ file }: { readonly file?: string }) => {
      const { client, where } = await cli.session()
      const { objects } = await client.call('exportObjects', { params: where() })
      if (file === undefined) {
        const text = (): string => renderObjects(objects)
        cli.print(objects, { text, names: (all) => all.map(({ kind, name }) => `${kind}/${name}`) })
        return
      }
      await replaceFile(resolve(cli.terminal.cwd, file), renderObjects(objects))
      cli.talk.line(`  ${objects.length} objects of ${where().environment} are in ${file}`)
    })
}

/** A reader sees the old file or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`
  try {
    await writeFile(temporary, text)
    await rename(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
}

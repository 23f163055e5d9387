/**
 * `headgate services|routes|policies|issuers|roles|certificates`: configuration objects of the draft.
 *
 * @module
 */
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { confirmRemoval } from '#cli/commands/removal.ts'
import { allPages } from '#cli/connect/pages.ts'
import { renderObjects } from '#cli/files/render.ts'
import { listView, type View } from '#cli/output/print.ts'
import type { Column } from '#cli/output/table.ts'
import { createIssuerCommand } from './objects/issuer.ts'
import { type ConfigObject, KINDS, type KindText } from './objects/kinds.ts'
import { createRoleCommand } from './objects/role.ts'

export function objectCommands(cli: Cli): readonly Command[] {
  return KINDS.map((kind) => objectsCommand(cli, kind))
}

function objectsCommand(cli: Cli, kind: KindText): Command {
  const { plural, example } = kind
  const commands = [list(cli, kind), get(cli, kind), ...createCommands(cli, kind), remove(cli, kind)]
  const all = command(plural, {
    summary: kind.summary,
    examples: [`headgate ${plural} ls`, `headgate ${plural} get ${example}`],
  })
  for (const one of commands) all.addCommand(one)
  return all
}

/** Kinds that are short enough for options. */
function createCommands(cli: Cli, { kind }: KindText): readonly Command[] {
  if (kind === 'issuer') return [createIssuerCommand(cli)]
  return kind === 'role' ? [createRoleCommand(cli)] : []
}

function list(cli: Cli, { kind, plural, columns, empty }: KindText): Command {
  return command('ls', {
    summary: `List the ${plural} of the draft`,
    examples: [`headgate ${plural} ls`, `headgate ${plural} ls -o name`],
  }).action(async () => {
    const { client, where } = await cli.session()
    const objects = await allPages((page) => client.call('listObjects', { params: where(), query: { ...page, kind } }))
    const all: Column<ConfigObject>[] = [
      { title: 'name', value: ({ name }) => name },
      ...columns,
      { title: 'written at', value: ({ origin }) => origin },
    ]
    cli.print(
      objects,
      listView(all, ({ name }) => name, `No ${plural} yet. ${empty}`),
    )
  })
}

function get(cli: Cli, { kind, plural, example }: KindText): Command {
  return command('get', {
    summary: `Show a ${kind} of the draft`,
    examples: [`headgate ${plural} get ${example}`, `headgate ${plural} get ${example} -o json`],
  })
    .argument('<name>', 'Name')
    .action(async (name: string) => {
      const { client, where } = await cli.session()
      cli.print(await client.call('getObject', { params: { ...where(), kind, name } }), objectView)
    })
}

function remove(cli: Cli, { kind, plural, example }: KindText): Command {
  return command('rm', {
    summary: `Remove a ${kind} from the draft`,
    examples: [`headgate ${plural} rm ${example}`, `headgate ${plural} rm ${example} --yes`],
  })
    .argument('<name>', 'Name')
    .action(async (name: string) => {
      const { client, where } = await cli.session()
      const params = { ...where(), kind, name }
      const { revision } = await client.call('getObject', { params })
      await confirmRemoval(cli, `${kind} ${name} from the draft of ${params.environment}`)
      await client.call('deleteObject', { params, ifMatch: revision })
      cli.talk.line(`  ${kind} ${name} is removed from the draft; live after: headgate releases publish`)
    })
}

const objectView: View<ConfigObject> = { text: (value) => renderObjects([value]), names: ({ name }) => [name] }

/**
 * `headgate services|routes|policies|certificates`: configuration objects of the draft.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { confirmRemoval } from '#cli/commands/removal.ts'
import { allPages } from '#cli/connect/pages.ts'
import { renderObjects } from '#cli/files/render.ts'
import { listView, type View } from '#cli/output/print.ts'
import type { Column } from '#cli/output/table.ts'

type ConfigObject = Answer<'getObject'>
type Kind = ConfigObject['kind']

interface KindText {
  readonly kind: Kind
  readonly plural: string
  readonly summary: string
  readonly example: string
  /** What people look for first. */
  readonly columns: readonly Column<ConfigObject>[]
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(',')
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const KINDS: readonly KindText[] = [
  {
    kind: 'service',
    plural: 'services',
    summary: 'APIs that are protected',
    example: 'orders',
    columns: [
      { title: 'owner', value: ({ spec }) => text(spec['owner']) },
      { title: 'data', value: ({ spec }) => text(spec['data_label'] ?? 'internal') },
      {
        title: 'targets',
        value: ({ spec }) => text((spec['targets'] as { url: string }[] | undefined)?.map(({ url }) => url)),
      },
    ],
  },
  {
    kind: 'route',
    plural: 'routes',
    summary: 'Host, path and methods of services',
    example: 'orders-read',
    columns: [
      { title: 'hosts', value: ({ spec }) => text(spec['hosts']) || 'every' },
      { title: 'path', value: ({ spec }) => text(spec['path']) + (spec['match'] === 'prefix' ? ' and below' : '') },
      { title: 'methods', value: ({ spec }) => text(spec['methods']) || 'all' },
      { title: 'service', value: ({ spec }) => text(spec['service']) },
    ],
  },
  {
    kind: 'policy',
    plural: 'policies',
    summary: 'Requirements on environment, services and routes',
    example: 'orders.read',
    columns: [
      { title: 'type', value: ({ spec }) => text(spec['type']) },
      {
        title: 'on',
        value: ({ spec }) =>
          Object.entries((spec['on'] as object | undefined) ?? {})
            .map(([where, name]) => (name === true ? where : `${where} ${text(name)}`))
            .join(','),
      },
    ],
  },
  {
    kind: 'certificate',
    plural: 'certificates',
    summary: 'What HTTPS listeners present',
    example: 'api-example-com',
    columns: [
      { title: 'hosts', value: ({ spec }) => text(spec['hosts']) },
      { title: 'key', value: ({ spec }) => text(spec['key']) },
    ],
  },
]

export function objectCommands(cli: Cli): readonly Command[] {
  return KINDS.map((kind) => objectsCommand(cli, kind))
}

function objectsCommand(cli: Cli, kind: KindText): Command {
  const { plural, example } = kind
  return command(plural, {
    summary: kind.summary,
    examples: [`headgate ${plural} ls`, `headgate ${plural} get ${example}`],
  })
    .addCommand(list(cli, kind))
    .addCommand(get(cli, kind))
    .addCommand(remove(cli, kind))
}

function list(cli: Cli, { kind, plural, columns }: KindText): Command {
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
      listView(all, ({ name }) => name, `No ${plural} yet. Protect an API: headgate protect <url> --name <name>`),
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

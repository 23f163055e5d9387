/**
 * The kinds of configuration objects that have a command, and what people look for in each.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Column } from '#cli/output/table.ts'

export type ConfigObject = Answer<'getObject'>
type Kind = ConfigObject['kind']

export interface KindText {
  readonly kind: Kind
  readonly plural: string
  readonly summary: string
  readonly example: string
  /** The next step where there is none of the kind. */
  readonly empty: string
  /** What people look for first. */
  readonly columns: readonly Column<ConfigObject>[]
}

function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join(',')
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Where the keys of an issuer come from. */
function keysText({ spec }: ConfigObject): string {
  const keys = (spec['keys'] as Readonly<Record<string, unknown>> | undefined) ?? {}
  if (spec['introspection'] !== undefined) return 'none, it is asked'
  if ('jwks' in keys) return 'in the draft'
  return 'jwks_url' in keys ? text(keys['jwks_url']) : 'discovery'
}

const PROTECT = 'Protect an API: headgate protect <url> --name <name>'

export const KINDS: readonly KindText[] = [
  {
    kind: 'service',
    plural: 'services',
    summary: 'APIs that are protected',
    example: 'orders',
    empty: PROTECT,
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
    empty: PROTECT,
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
    empty: PROTECT,
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
    kind: 'issuer',
    plural: 'issuers',
    summary: 'Who signs, or is asked about, the tokens of callers',
    example: 'auth0',
    empty: 'Trust one: headgate issuers create <name> --issuer <url> --audience <name>',
    columns: [
      { title: 'issuer', value: ({ spec }) => text(spec['issuer']) },
      { title: 'keys', value: keysText },
      { title: 'audiences', value: ({ spec }) => text(spec['audiences']) },
    ],
  },
  {
    kind: 'role',
    plural: 'roles',
    summary: 'Named sets of scopes, which consumers and tokens have',
    example: 'reader',
    empty: 'Name one: headgate roles create <name> --scope <scope>',
    columns: [{ title: 'scopes', value: ({ spec }) => text(spec['scopes']) || 'none' }],
  },
  {
    kind: 'certificate',
    plural: 'certificates',
    summary: 'What HTTPS listeners present',
    example: 'api-example-com',
    empty: 'Write one into a file and apply it: headgate apply -f headgate.yaml',
    columns: [
      { title: 'hosts', value: ({ spec }) => text(spec['hosts']) },
      { title: 'key', value: ({ spec }) => text(spec['key']) },
    ],
  },
  {
    kind: 'settings',
    plural: 'settings',
    summary: 'What holds for the whole environment',
    example: 'settings',
    empty: 'The defaults hold. Write them into a file and apply it: headgate apply -f headgate.yaml',
    columns: [{ title: 'limits are told as', value: ({ spec }) => text(spec['rate_limit_fields'] ?? 'draft') }],
  },
]

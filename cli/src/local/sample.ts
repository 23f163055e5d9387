/**
 * Protects the sample API, once, in an environment that is still empty.
 *
 * @module
 */
import { defaultLimitNames } from '@headgate/admin-api'
import type { Cli, Session } from '#cli/cli.ts'
import { CliError } from '#cli/exit.ts'
import type { SourceObject } from '#cli/files/objects.ts'
import { hasErrors, renderFindings } from '#cli/output/findings.ts'
import { LOCAL } from './setup.ts'

const WHERE = { tenant: LOCAL.tenant, environment: LOCAL.environment } as const

/** Stands where a file and a line would. */
const ORIGIN = 'headgate up'

/** Small, so that the limit is met by hand. */
const LIMIT = { requests: 10, window_ms: 10_000 } as const

/** Service, one route per right, and a limit for both. */
export function sampleObjects(port: number): readonly SourceObject[] {
  const target = { url: `http://127.0.0.1:${port}` }
  const object = (kind: SourceObject['kind'], name: string, spec: SourceObject['spec']): SourceObject => ({
    kind,
    name,
    spec,
    origin: ORIGIN,
  })
  const route = (name: string, method: string): SourceObject =>
    object('route', name, { service: 'orders', methods: [method], path: '/orders', match: 'prefix' })
  const access = (name: string, scope: string): SourceObject =>
    object('policy', `${name}.access`, {
      type: 'access',
      on: { route: name },
      credentials: [{ kind: 'api_key' }],
      scopes: [scope],
    })
  return [
    object('service', 'orders', {
      owner: LOCAL.operator,
      data_label: 'open',
      targets: [target],
      description: 'Sample API',
    }),
    route('orders-read', 'GET'),
    route('orders-delete', 'DELETE'),
    access('orders-read', 'orders:read'),
    access('orders-delete', 'orders:delete'),
    object('policy', 'orders.limit', { type: 'limit', on: { service: 'orders' }, ...LIMIT, key: ['consumer'] }),
  ]
}

/** @returns whether the sample API is in the live release. */
export async function ensureSample(cli: Cli, { client }: Session, port: number): Promise<boolean> {
  const objects = sampleObjects(port)
  const { release_number: number } = await client.call('getEnvironment', { params: WHERE })
  const { objects: draft } = await client.call('exportObjects', { params: WHERE })
  const service = draft.find(({ kind, name }) => kind === 'service' && name === 'orders')
  // What an environment begins with was written by nobody.
  const defaults = defaultLimitNames.map((name) => ({ kind: 'policy', name }))
  const known = [...objects, ...defaults]
  if (number > 0 || draft.some(({ kind, name }) => !known.some((own) => own.kind === kind && own.name === name))) {
    warnOfMove(cli, service?.spec, port)
    return number > 0 && service !== undefined
  }
  const { findings, draft_revision: revision } = await client.call('applyObjects', {
    params: WHERE,
    body: { objects: [...objects] },
  })
  if (hasErrors(findings)) {
    throw new CliError('the sample API cannot be protected', { details: [renderFindings(findings, cli.talkStyle)] })
  }
  await client.call('publishRelease', { params: WHERE, body: { comment: 'Sample API', base_revision: revision } })
  return true
}

function warnOfMove(cli: Cli, spec: Readonly<Record<string, unknown>> | undefined, port: number): void {
  const text = JSON.stringify(spec?.['targets'] ?? '')
  if (spec === undefined || text.includes(`:${port}"`)) return
  cli.talk.warn(`the sample API listens on port ${port} now, but service orders leads to ${text}; change one of them`)
}

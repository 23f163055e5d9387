/**
 * For tests: a tenant with an environment and what it needs to answer a request.
 *
 * @module
 */
import type { Client } from '@headgate/admin-api'

/** Path parameters of an environment. */
export type Place = {
  readonly tenant: string
  readonly environment: string
}

let places = 0

/** A tenant and environment that nobody else uses. */
export async function newPlace(owner: Client): Promise<Place> {
  places += 1
  const tenant = `tenant-${places}`
  const environment = 'dev'
  await owner.call('createTenant', { body: { name: tenant } })
  await owner.call('createEnvironment', { params: { tenant }, body: { name: environment, default_limits: false } })
  return { tenant, environment }
}

export const service = {
  kind: 'service' as const,
  name: 'orders',
  spec: { owner: 'team', targets: [{ url: 'http://127.0.0.1:9' }] },
}

/** A service, a route, an access policy and a limit. */
export const objects = [
  service,
  { kind: 'route' as const, name: 'orders', spec: { service: 'orders', path: '/orders', match: 'prefix' } },
  {
    kind: 'policy' as const,
    name: 'orders.access',
    spec: { type: 'access', on: { service: 'orders' }, credentials: [{ kind: 'api_key' }], scopes: ['orders:read'] },
  },
  {
    kind: 'policy' as const,
    name: 'orders.limit',
    spec: { type: 'limit', on: { route: 'orders' }, requests: 10, window_ms: 10_000 },
  },
]

/** A tenant and environment with a live release. */
export async function publishedPlace(owner: Client, hosts: readonly string[] = []): Promise<Place> {
  const params = await newPlace(owner)
  await owner.call('applyObjects', { params, body: { objects: withHosts(hosts) } })
  await owner.call('publishRelease', { params, body: {} })
  return params
}

/** The objects, with a route for these hosts only. */
export function withHosts(hosts: readonly string[]): typeof objects {
  return objects.map((object) =>
    object.kind === 'route' && hosts.length > 0 ? { ...object, spec: { ...object.spec, hosts: [...hosts] } } : object,
  )
}

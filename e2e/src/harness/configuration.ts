/**
 * Configuration that tests write, and the way from objects to a live release.
 *
 * @module
 */
import type { Answer, Client } from '@headgate/admin-api'

export interface Place {
  readonly tenant: string
  readonly environment: string
}

export interface ConfigDocument {
  readonly kind: 'service' | 'route' | 'policy' | 'certificate' | 'issuer'
  readonly name: string
  readonly spec: Record<string, unknown>
}

/** A service `orders` behind one target, its routes and who may call them. */
export function orders(target: string): ConfigDocument[] {
  return [
    { kind: 'service', name: 'orders', spec: { owner: 'shop team', targets: [{ url: target }] } },
    { kind: 'route', name: 'orders', spec: { service: 'orders', path: '/orders', match: 'prefix', methods: ['GET'] } },
    {
      kind: 'policy',
      name: 'orders.access',
      spec: { type: 'access', on: { service: 'orders' }, credentials: [{ kind: 'api_key' }], scopes: ['orders:read'] },
    },
  ]
}

/** A limit on the service `orders`. */
export function limit(requests: number, windowMs: number, name = 'orders.limit'): ConfigDocument {
  return { kind: 'policy', name, spec: { type: 'limit', on: { service: 'orders' }, requests, window_ms: windowMs } }
}

/** A route that everybody may call, for what needs no key. */
export function openRoute(name: string, path: string, service = 'orders'): ConfigDocument[] {
  return [
    { kind: 'route', name, spec: { service, path, match: 'prefix', exposure: 'public' } },
    {
      kind: 'policy',
      name: `${name}.access`,
      spec: { type: 'access', on: { route: name }, public: { owner: 'shop team', reason: 'a test needs it' } },
    },
  ]
}

/** Makes `objects` the whole draft, publishes it, and waits until every connected agent has answered. */
export async function release(
  client: Client,
  place: Place,
  objects: readonly ConfigDocument[],
): Promise<Answer<'publishRelease'>> {
  await client.call('applyObjects', { params: place, body: { objects: [...objects], prune: true } })
  return client.call('publishRelease', { params: place, query: { wait: 'true', timeout_ms: 10_000 }, body: {} })
}

/** Creates a key, with its consumer where that is new, and waits until every connected agent knows it. */
export function createKey(
  client: Client,
  place: Place,
  consumer: string,
  scopes: readonly string[] = ['orders:read'],
): Promise<Answer<'createKey'>> {
  return client.call('createKey', {
    params: place,
    query: { wait: 'true', timeout_ms: 10_000 },
    body: { consumer, create_consumer: true, scopes: [...scopes] },
  })
}

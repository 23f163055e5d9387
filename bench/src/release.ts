/**
 * Releases of any size for measurements: one service, many routes, a key, a limit.
 *
 * @module
 */
import type { ObjectInput } from '@headgate/core'

/** Name of tenant and environment wherever a measurement needs one. */
export const PLACE = { tenant: 'bench', environment: 'bench' } as const

/** So many requests a minute that no run uses them up, so that only the counting is measured. */
const REQUESTS = 1_000_000_000

/** Paths of two to four segments; every fourth has a parameter, as APIs have. */
export function routePath(index: number): string {
  const group = `/group-${index % 50}`
  return index % 4 === 3 ? `${group}/things-${index}/{id}/parts` : `${group}/things-${index}`
}

/** A request target that the route of `routePath(index)` serves. */
export function requestPath(index: number): string {
  return routePath(index).replace('{id}', '4711')
}

/** The path of the one route that everybody may call, without a limit. */
export const OPEN_PATH = '/open'

/** `routes` routes that ask for a key and count, and one that is open to all. */
export function releaseObjects(routes: number, target: string): ObjectInput[] {
  const object = (kind: string, name: string, spec: unknown): ObjectInput => ({ kind, name, spec, origin: '' })
  const open = { owner: 'bench', reason: 'plain forwarding is measured on it' }
  return [
    object('service', 'things', { owner: 'bench', targets: [{ url: target }] }),
    ...Array.from({ length: routes }, (_, index) =>
      object('route', `things-${index}`, { service: 'things', path: routePath(index), methods: ['GET'] }),
    ),
    object('route', 'open', { service: 'things', path: OPEN_PATH, exposure: 'public' }),
    object('policy', 'things', { type: 'access', on: { service: 'things' }, credentials: [{ kind: 'api_key' }] }),
    object('policy', 'open', { type: 'access', on: { route: 'open' }, public: open }),
    // On each route by itself, so that the open one has none. They count by caller.
    ...Array.from({ length: routes }, (_, index) =>
      object('policy', `limit-${index}`, {
        type: 'limit',
        on: { route: `things-${index}` },
        requests: REQUESTS,
        window_ms: 60_000,
      }),
    ),
  ]
}

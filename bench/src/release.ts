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

/** What the path of `routePath(index)` starts with, and no other path: for peers that match by prefix. */
export function routePrefix(index: number): string {
  return routePath(index).replace('{id}/parts', '')
}

/** A request target that the route of `routePath(index)` serves. */
export function requestPath(index: number): string {
  return routePath(index).replace('{id}', '4711')
}

/** The path of the one route that everybody may call, without a limit. */
export const OPEN_PATH = '/open'

/** The path of an open route to a body of 1 MiB, and of one to a service that takes its time. */
export const LARGE_PATH = '/large'
export const SLOW_PATH = '/slow'

/** `routes` routes that ask for a key and count by caller, and a few that are open to all and count nothing. */
export function releaseObjects(routes: number, target: string, slowTarget = target): ObjectInput[] {
  const object = (kind: string, name: string, spec: unknown): ObjectInput => ({ kind, name, spec, origin: '' })
  const service = { owner: 'bench', targets: [{ url: target }] }
  const on = { service: 'things' }
  const open = { owner: 'bench', reason: 'plain forwarding is measured on it' }
  return [
    object('service', 'things', service),
    object('service', 'open', service),
    object('service', 'slow', { ...service, targets: [{ url: slowTarget }] }),
    ...Array.from({ length: routes }, (_, index) =>
      object('route', `things-${index}`, { service: 'things', path: routePath(index), methods: ['GET'] }),
    ),
    object('route', 'open', { service: 'open', path: OPEN_PATH, exposure: 'public' }),
    object('route', 'large', { service: 'open', path: LARGE_PATH, exposure: 'public' }),
    object('route', 'slow', { service: 'slow', path: SLOW_PATH, exposure: 'public' }),
    object('policy', 'things.access', { type: 'access', on, credentials: [{ kind: 'api_key' }] }),
    object('policy', 'things.limit', { type: 'limit', on, requests: REQUESTS, window_ms: 60_000 }),
    object('policy', 'open.access', { type: 'access', on: { service: 'open' }, public: open }),
    object('policy', 'slow.access', { type: 'access', on: { service: 'slow' }, public: open }),
  ]
}

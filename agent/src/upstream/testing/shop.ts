/**
 * A release with one service and one open route for everything, with whatever is to be said about the service.
 *
 * @module
 */
import type { ObjectInput } from '@headgate/core'
import { openRelease } from '#agent/testing/agent.ts'

/** @param spec of the service, beside its targets. */
export function shop(urls: readonly string[], spec: object): Omit<ObjectInput, 'origin'>[] {
  const [service, ...rest] = openRelease(...urls)
  if (service === undefined) throw new Error('the open release has a service')
  return [{ ...service, spec: { ...(service.spec as object), ...spec } }, ...rest]
}

/**
 * A service as a release says it, for tests that make no release.
 *
 * @module
 */
import { compile } from '@headgate/core'
import { createLog } from '@headgate/kit/log.ts'
import type { ServiceReference } from '#agent/http/exchange.ts'
import type { UpstreamsOptions } from '#agent/upstream/forward.ts'

/** @param spec what differs from the defaults, as an operator writes it. */
export function serviceReference(urls: readonly string[], spec: object = {}): ServiceReference {
  const whole = { owner: 'team', targets: urls.map((url) => ({ url })), ...spec }
  const object = { kind: 'service', name: 'shop', origin: 'test', spec: whole }
  const compiled = compile({ tenant: 'test', environment: 'production', number: 1, objects: [object] })
  const service = compiled.kind === 'compiled' ? compiled.release.services.get('shop') : undefined
  if (service === undefined) throw new Error(JSON.stringify(compiled))
  return service
}

export function upstreamsOptions(changed: Partial<UpstreamsOptions> = {}): UpstreamsOptions {
  const log = createLog({ name: 'test', level: 'fatal' })
  return { connectionsMax: 64, queueMax: 64, env: {}, zone: null, log, ...changed }
}

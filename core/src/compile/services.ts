/**
 * Part of `compile`: services.
 *
 * @module
 */
import type { CompiledService } from '#core/release.ts'
import type { ReadObject } from './read-objects.ts'

export function compileService({ name, spec, subject }: ReadObject<'service'>): CompiledService {
  return {
    name,
    origin: subject.origin,
    owner: spec.owner,
    dataLabel: spec.data_label,
    targets: spec.targets.map(({ url }) => ({ url: url.endsWith('/') ? url.slice(0, -1) : url })),
    protocol: spec.protocol,
    connectTimeoutMs: spec.connect_timeout_ms,
    responseTimeoutMs: spec.response_timeout_ms,
  }
}

/**
 * Limits that a new environment begins with: objects of its draft, which everybody can see, change and remove.
 *
 * They are so high that no caller that behaves meets them, and so low that one that went wild does. What is public is
 * counted by address, before anybody has to have a key; what is internal by consumer, for services share addresses.
 * Outside production there are fewer callers, and more mistakes.
 *
 * @module
 */
import { defaultLimitNames } from '@headgate/admin-api'
import type { LimitPolicySpec } from '@headgate/core'
import type { ObjectWrite } from '#control-plane/resources/objects/store.ts'
import type { Stage } from './stage.ts'

/** Requests per minute. As many may come at once. */
const REQUESTS: Readonly<Record<Stage, { readonly public: number; readonly internal: number }>> = {
  production: { public: 3_000, internal: 30_000 },
  staging: { public: 1_200, internal: 12_000 },
  development: { public: 600, internal: 6_000 },
}

const WINDOW_MS = 60_000

/** Stands where a file and a line would. */
const ORIGIN = 'defaults'

export function defaultLimits(stage: Stage): readonly ObjectWrite[] {
  const [publicName, internalName] = defaultLimitNames
  return [
    written(publicName, { exposure: 'public', requests: REQUESTS[stage].public, key: ['address'] }),
    written(internalName, { exposure: 'internal', requests: REQUESTS[stage].internal, key: ['consumer'] }),
  ]
}

type Particular = Pick<LimitPolicySpec, 'exposure' | 'requests' | 'key'>

function written(name: string, particular: Particular): ObjectWrite {
  const spec = { type: 'limit', on: { environment: true }, ...particular, window_ms: WINDOW_MS }
  return { kind: 'policy', name, spec, origin: ORIGIN }
}

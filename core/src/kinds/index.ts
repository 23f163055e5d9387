/**
 * All configuration kinds. A kind that is not in this table does not exist: REST, `apply` and `compile` refuse it.
 *
 * @module
 */
import type { z } from 'zod'
import { certificateSpec } from './certificate.ts'
import { issuerSpec } from './issuer.ts'
import { policySpec } from './policy.ts'
import { roleSpec } from './role.ts'
import { routeSpec } from './route.ts'
import { serviceSpec } from './service.ts'
import { settingsSpec } from './settings.ts'

/** Schema of the spec of each kind, in the order in which documents are listed and exported. */
export const kinds = {
  service: serviceSpec,
  route: routeSpec,
  policy: policySpec,
  issuer: issuerSpec,
  role: roleSpec,
  certificate: certificateSpec,
  settings: settingsSpec,
} as const satisfies Record<string, z.ZodType>

/** Name of a kind. */
export type Kind = keyof typeof kinds

/** All names, in order. */
export const kindNames = Object.keys(kinds) as readonly Kind[]

/** Whether a text names a kind. */
export function isKind(text: string): text is Kind {
  return Object.hasOwn(kinds, text)
}

/**
 * Configuration objects: documents of a kind with a name and a spec.
 *
 * @module
 */
import { kinds, objectName } from '@headgate/core'
import { z } from 'zod'
import { finding, instant } from './common.ts'

export const kindName = z.enum(Object.keys(kinds) as [keyof typeof kinds, ...(keyof typeof kinds)[]])

/** One schema per kind, so that the document names every field of every spec, as operators write it. */
export const specs = {
  service: kinds.service.meta({ id: 'ServiceSpec', unusedIO: 'input' }),
  route: kinds.route.meta({ id: 'RouteSpec', unusedIO: 'input' }),
  policy: kinds.policy.meta({ id: 'PolicySpec', unusedIO: 'input' }),
  issuer: kinds.issuer.meta({ id: 'IssuerSpec', unusedIO: 'input' }),
  role: kinds.role.meta({ id: 'RoleSpec', unusedIO: 'input' }),
  certificate: kinds.certificate.meta({ id: 'CertificateSpec', unusedIO: 'input' }),
  settings: kinds.settings.meta({ id: 'SettingsSpec', unusedIO: 'input' }),
} as const satisfies Record<keyof typeof kinds, z.ZodType>

export const spec = z.union([
  specs.service,
  specs.route,
  specs.policy,
  specs.issuer,
  specs.role,
  specs.certificate,
  specs.settings,
])

export const configObject = z
  .object({
    id: z.string(),
    kind: kindName,
    name: z.string(),
    spec: z
      .record(z.string(), z.unknown())
      .describe(
        'As it was written; see ServiceSpec, RouteSpec, PolicySpec, IssuerSpec, RoleSpec, CertificateSpec, SettingsSpec',
      ),
    origin: z.string().describe('Such as headgate.yaml:14; empty for the admin API'),
    revision: z.int().describe('The ETag, without quotes'),
    updated_at: instant,
  })
  .meta({ id: 'ConfigObject' })

const origin = z.string().max(300).default('')

/** The spec is checked by the kind's own schema, after the kind is known. */
export const configObjectWrite = z.strictObject({ spec: z.record(z.string(), z.unknown()), origin })

export const configDocument = z.strictObject({
  kind: kindName,
  name: objectName,
  spec: z.record(z.string(), z.unknown()),
  origin,
})

export const change = z
  .object({
    change: z.enum(['added', 'removed', 'changed']),
    kind: z.string(),
    name: z.string(),
    before: z.record(z.string(), z.unknown()).nullable(),
    after: z.record(z.string(), z.unknown()).nullable(),
    pointers: z.array(z.string()).describe('What changed inside the spec, as JSON Pointers'),
  })
  .meta({ id: 'Change' })

export const apply = z.strictObject({
  objects: z.array(configDocument).max(20_000),
  prune: z.boolean().default(false).describe('Remove objects of the draft that are not listed'),
  base_revision: z.int().min(0).optional().describe('Refuse when the draft moved on since this revision'),
})

export const applied = z.object({
  changes: z.array(change),
  unlisted: z.array(z.string()).describe('kind/name of objects that prune would remove'),
  draft_revision: z.int(),
  findings: z.array(finding),
})

export const exported = z.object({
  draft_revision: z.int(),
  objects: z.array(z.object({ kind: z.string(), name: z.string(), spec: z.record(z.string(), z.unknown()) })),
})

/**
 * Configuration objects of the draft. One set of handlers for all kinds: what differs between kinds is in their schemas.
 *
 * Specs are checked when they are written and stored as written, without defaults. What only the whole can show, such
 * as a reference to nothing, is a finding: a draft may be unfinished, a release may not.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { newName } from '@headgate/admin-api'
import { type EffectivePolicyEntry, type Kind, canonicalJson, compile, effectivePolicy } from '@headgate/core'
import type { ConfigObject } from '@headgate/prisma'
import { change } from '#control-plane/audit/audit.ts'
import type { EnvironmentScope } from '#control-plane/db.ts'
import { loadContent, loadDraft } from '#control-plane/releases/content.ts'
import { refuseFindings } from '#control-plane/releases/publish.ts'
import type { EnvironmentContext, HandlersOf } from '#control-plane/rest/contract.ts'
import { kindNameKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { parse } from '#control-plane/rest/input.ts'
import { notFound, refuse } from '#control-plane/rest/refusal.ts'
import { lockEnvironment, raiseDraft } from '#control-plane/resources/environments/sequences.ts'
import { getEnvironment } from '#control-plane/resources/tenants/store.ts'
import { applyObjects } from './apply.ts'
import { checkSpecs, draftFindings } from './check.ts'
import * as store from './store.ts'

type Ids =
  | 'listObjects'
  | 'getObject'
  | 'putObject'
  | 'deleteObject'
  | 'applyObjects'
  | 'exportObjects'
  | 'getEffectivePolicy'
  | 'validateDraft'

export const objectHandlers = {
  listObjects: async ({ services, environment }, { query }) => {
    const after = readCursor(query.cursor, kindNameKey)
    const rows = await store.listObjects(services.db, environment, { kind: query.kind, after, take: query.limit + 1 })
    return toPage(rows, query.limit, ({ kind, name }) => [kind, name], objectView)
  },

  getObject: async ({ services, environment }, { params }) => {
    const row = await store.findObject(services.db, environment, params.kind, params.name)
    return row === null ? notFound(params.kind, params.name) : objectView(row)
  },

  putObject: async (context, { params, query, body, ifMatch }) => {
    const { kind, name } = params
    parse(newName, name, 'name', false)
    checkSpecs([{ kind, spec: body.spec, pointer: '/spec' }])
    return change(context, (tx) => putObject(tx, context, { kind, name, ...body }, ifMatch), { dryRun: query.dry_run })
  },

  deleteObject: async (context, { params, query, ifMatch }) => {
    const { environment } = context
    await change(
      context,
      async (tx) => {
        await lockEnvironment(tx, environment)
        const before = await store.findObject(tx, environment, params.kind, params.name)
        if (before === null) return notFound(params.kind, params.name)
        if (ifMatch === null) refuse('precondition_needed')
        checkRevision(before, ifMatch)
        await store.deleteObjects(tx, environment, [before.id])
        await raiseDraft(tx, environment)
        const view = objectView(before)
        return {
          result: undefined,
          audit: { action: `${before.kind}.delete`, ...about(environment, view), before: view },
        }
      },
      { dryRun: query.dry_run },
    )
    return undefined
  },

  applyObjects: async (context, { query, body }) => {
    checkSpecs(body.objects.map(({ kind, spec }, index) => ({ kind, spec, pointer: `/objects/${index}/spec` })))
    return change(context, (tx) => applyObjects(tx, context, body), { dryRun: query.dry_run })
  },

  exportObjects: async ({ services, environment }) => {
    const { draftRevision } = await getEnvironment(services.db, environment)
    const { objects } = await loadDraft(services.db, environment)
    return {
      draft_revision: Number(draftRevision),
      objects: objects.map(({ kind, name, spec }) => ({ kind, name, spec })),
    }
  },

  getEffectivePolicy: async ({ services, environment }, { params, query }) => {
    const content = await loadContent(services.db, environment, query.release)
    const { tenantName, environmentName } = environment
    const compiled = compile({
      tenant: tenantName,
      environment: environmentName,
      number: content.number + 1,
      objects: content.objects,
    })
    if (compiled.kind === 'refused') return refuseFindings(compiled.findings)
    const policy = effectivePolicy(compiled.release, params.route)
    if (policy === null) return notFound('route', params.route)
    const show = (entry: EffectivePolicyEntry) => ({ ...entry, spec: { ...entry.spec } })
    return {
      route: params.route,
      release: content.label,
      access: policy.access === null ? null : show(policy.access),
      limits: policy.limits.map(show),
      https: policy.https === null ? null : show(policy.https),
      size: policy.size === null ? null : show(policy.size),
    }
  },

  validateDraft: async ({ services, environment }) => {
    const { draftRevision } = await getEnvironment(services.db, environment)
    return {
      draft_revision: Number(draftRevision),
      data: draftFindings(environment, (await loadDraft(services.db, environment)).objects),
    }
  },
} satisfies HandlersOf<Ids>

async function putObject(
  tx: Parameters<Parameters<typeof change>[1]>[0],
  context: EnvironmentContext,
  object: store.ObjectWrite,
  ifMatch: number | 'any' | null,
) {
  const { environment, services } = context
  const nowMs = services.clock.now()
  await lockEnvironment(tx, environment)
  const before = await store.findObject(tx, environment, object.kind, object.name)
  if (before === null) {
    if (ifMatch !== null) refuse('revision_stale', 'It does not exist')
    await store.insertObjects(tx, environment, [object], nowMs)
  } else {
    if (ifMatch === null) refuse('precondition_needed')
    checkRevision(before, ifMatch)
    if (before.origin === object.origin && canonicalJson(before.spec) === canonicalJson(object.spec)) {
      return { result: objectView(before), audit: null }
    }
    await store.updateObjects(tx, environment, [object], nowMs)
  }
  await raiseDraft(tx, environment)
  const row = await store.findObject(tx, environment, object.kind, object.name)
  if (row === null) return notFound(object.kind, object.name)
  const after = objectView(row)
  const action = `${object.kind}.${before === null ? 'create' : 'update'}`
  return {
    result: after,
    audit: { action, ...about(environment, after), before: before === null ? null : objectView(before), after },
  }
}

function checkRevision({ revision }: ConfigObject, ifMatch: number | 'any'): void {
  if (ifMatch !== 'any' && ifMatch !== revision) refuse('revision_stale', `It is at revision ${revision}`)
}

function about(
  { tenantId, environmentId }: EnvironmentScope,
  { kind, id, name }: { kind: string; id: string; name: string },
) {
  return { target: { kind, id, name }, tenantId, environmentId }
}

function objectView(row: ConfigObject): Answered<'getObject'> {
  return {
    id: row.id,
    // Only kinds of the table are ever written.
    kind: row.kind as Kind,
    name: row.name,
    spec: store.specOf(row),
    origin: row.origin,
    revision: row.revision,
    updated_at: row.updatedAt.toISOString(),
  }
}

/**
 * Writes many configuration objects to the draft at once: all of them, or none.
 *
 * Deletes nothing unless it is told to, and says what it would delete.
 *
 * @module
 */
import type { Answered, Given } from '@headgate/admin-api'
import { canonicalJson } from '@headgate/core'
import type { ConfigObject } from '@headgate/prisma'
import type { Changed } from '#control-plane/audit/audit.ts'
import type { Tx } from '#control-plane/db.ts'
import { type ContentObject, diffObjects, keyOf } from '#control-plane/releases/diff.ts'
import { loadDraft } from '#control-plane/releases/content.ts'
import type { EnvironmentContext } from '#control-plane/rest/contract.ts'
import { refuse, refuseInput } from '#control-plane/rest/refusal.ts'
import { lockEnvironment, raiseDraft } from '#control-plane/resources/environments/sequences.ts'
import { draftFindings } from './check.ts'
import * as store from './store.ts'

export async function applyObjects(
  tx: Tx,
  context: EnvironmentContext,
  body: Given<'applyObjects'>['body'],
): Promise<Changed<Answered<'applyObjects'>>> {
  const { environment, services } = context
  refuseDuplicates(body.objects)
  const { draftRevision } = await lockEnvironment(tx, environment)
  if (body.base_revision !== undefined && draftRevision !== BigInt(body.base_revision)) {
    refuse('revision_stale', `The draft is at revision ${draftRevision}`)
  }
  const before = await store.loadObjects(tx, environment)
  const plan = planApply(before, body.objects, body.prune)
  const writes = plan.added.length + plan.updated.length + plan.removed.length
  if (writes > 0) {
    const nowMs = services.clock.now()
    await store.deleteObjects(
      tx,
      environment,
      plan.removed.map(({ id }) => id),
    )
    await store.updateObjects(tx, environment, plan.updated, nowMs)
    await store.insertObjects(tx, environment, plan.added, nowMs)
  }
  const revision = writes === 0 ? draftRevision : await raiseDraft(tx, environment)
  const after = (await loadDraft(tx, environment)).objects
  const changes = diffObjects(before.map(contentOf), after)
  const result = {
    changes,
    unlisted: plan.unlisted,
    draft_revision: Number(revision),
    findings: draftFindings(environment, after),
  }
  if (writes === 0) return { result, audit: null }
  return {
    result,
    audit: {
      action: 'draft.apply',
      target: { kind: 'environment', id: environment.environmentId, name: environment.environmentName },
      tenantId: environment.tenantId,
      environmentId: environment.environmentId,
      before: { draft_revision: Number(draftRevision) },
      after: { draft_revision: Number(revision), changes },
    },
  }
}

interface Plan {
  readonly added: readonly ContentObject[]
  /** Also those whose origin alone has changed. */
  readonly updated: readonly ContentObject[]
  readonly removed: readonly ConfigObject[]
  /** `kind/name` of what is in the draft and not in the list, and stays. */
  readonly unlisted: string[]
}

function planApply(before: readonly ConfigObject[], objects: readonly ContentObject[], prune: boolean): Plan {
  const old = new Map(before.map((row) => [keyOf(row), row]))
  const listed = new Set(objects.map(keyOf))
  const unlisted = before.filter((row) => !listed.has(keyOf(row)))
  return {
    added: objects.filter((object) => !old.has(keyOf(object))),
    updated: objects.filter((object) => {
      const was = old.get(keyOf(object))
      return (
        was !== undefined && (was.origin !== object.origin || canonicalJson(was.spec) !== canonicalJson(object.spec))
      )
    }),
    removed: prune ? unlisted : [],
    unlisted: prune ? [] : unlisted.map(keyOf).toSorted(),
  }
}

function refuseDuplicates(objects: readonly ContentObject[]): void {
  const seen = new Set<string>()
  for (const [index, object] of objects.entries()) {
    const key = keyOf(object)
    if (seen.has(key)) refuseInput(`/objects/${index}`, 'repeated', `${key} is listed twice`, 'List it once')
    seen.add(key)
  }
}

function contentOf(row: ConfigObject): ContentObject {
  return { kind: row.kind, name: row.name, spec: store.specOf(row), origin: row.origin }
}

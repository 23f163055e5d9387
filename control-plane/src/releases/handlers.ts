/**
 * Releases: publish, list, show, compare, roll back.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { compile } from '@headgate/core'
import { change } from '#control-plane/audit/audit.ts'
import { getEnvironment } from '#control-plane/resources/tenants/store.ts'
import type { EnvironmentContext, HandlersOf } from '#control-plane/rest/contract.ts'
import { numberKey, readCursor, toPage } from '#control-plane/rest/cursor.ts'
import { refuse } from '#control-plane/rest/refusal.ts'
import { loadContent, loadDraft, loadRelease, resolveNumber } from './content.ts'
import { diffObjects } from './diff.ts'
import type { HostsOf } from './hosts.ts'
import { type PublishRequest, publish } from './publish.ts'
import { findRelease, listReleases, listServingAgents, liveNumber } from './store.ts'
import { releaseView } from './views.ts'

type Ids = 'listReleases' | 'publishRelease' | 'getRelease' | 'getReleaseObjects' | 'rollbackRelease' | 'diffReleases'

interface Wait {
  readonly wait: boolean
  readonly timeout_ms: number
  readonly dry_run: boolean
}

export function createReleaseHandlers(hostsOf: HostsOf) {
  return {
    listReleases: async ({ services, environment }, { query }) => {
      const before = readCursor(query.cursor, numberKey)?.[0]
      const rows = await listReleases(services.db, environment, before, query.limit + 1)
      const live = await liveNumber(services.db, environment)
      const agents = await listServingAgents(services.db, environment)
      return toPage(
        rows,
        query.limit,
        ({ number }) => [number],
        (row) => releaseView(row, live, agents),
      )
    },

    publishRelease: async (context, { query, body }) =>
      publishAndWait(context, hostsOf, query, {
        load: (tx) => loadDraft(tx, context.environment),
        comment: body.comment,
        rollbackOf: null,
        baseRevision: body.base_revision,
        createdBy: context.caller.name,
      }),

    getRelease: async ({ services, environment }, { params, query }) => {
      const number = await resolveNumber(services.db, environment, params.number)
      const row = await findRelease(services.db, environment, number)
      if (row === null) return refuse('not_found', `There is no release r${number}`)
      if (query.wait) await services.fleet.waitForRelease(environment.environmentId, number, query.timeout_ms)
      const live = await liveNumber(services.db, environment)
      return releaseView(row, live, await listServingAgents(services.db, environment))
    },

    getReleaseObjects: async ({ services, environment }, { params }) => {
      const { objects } = await loadContent(services.db, environment, params.number)
      return { objects: [...objects] as never }
    },

    rollbackRelease: async (context, { params, query, body }) => {
      const { services, environment } = context
      const number = await resolveNumber(services.db, environment, params.number)
      if (number === (await liveNumber(services.db, environment)))
        refuse('state_conflict', `r${number} is the live release`)
      return publishAndWait(context, hostsOf, query, {
        load: (tx) => loadRelease(tx, environment, number),
        comment: body.comment,
        rollbackOf: number,
        createdBy: context.caller.name,
      })
    },

    diffReleases: async ({ services, environment }, { query }) => {
      const from = await loadContent(services.db, environment, query.from)
      const to = await loadContent(services.db, environment, query.to)
      const { draftRevision } = await getEnvironment(services.db, environment)
      const { tenantName, environmentName } = environment
      const compiled = compile({
        tenant: tenantName,
        environment: environmentName,
        number: to.number + 1,
        objects: to.objects,
      })
      return {
        from: from.label,
        to: to.label,
        draft_revision: Number(draftRevision),
        changes: diffObjects(from.objects, to.objects),
        findings: [...(compiled.kind === 'compiled' ? compiled.warnings : compiled.findings)],
      }
    },
  } satisfies HandlersOf<Ids>
}

async function publishAndWait(
  context: EnvironmentContext,
  hostsOf: HostsOf,
  wait: Wait,
  request: PublishRequest,
): Promise<Answered<'publishRelease'>> {
  const { services, environment } = context
  const { db, fleet } = services
  const done = await change(
    context,
    async (tx) => {
      const result = await publish(tx, services, hostsOf, environment, request)
      const { row, previousNumber, changes } = result
      const view = releaseView(row, row.number, await listServingAgents(tx, environment))
      const audit = {
        action: request.rollbackOf === null ? 'release.publish' : 'release.rollback',
        target: { kind: 'release', id: row.id, name: `r${row.number}` },
        tenantId: environment.tenantId,
        environmentId: environment.environmentId,
        before: { number: previousNumber },
        after: {
          number: row.number,
          comment: row.comment,
          rollback_of: row.rollbackOf,
          changes: changes.map(({ change: what, kind, name, pointers }) => ({
            change: what,
            object: `${kind}/${name}`,
            pointers,
          })),
        },
      }
      return { result: { ...result, view }, audit }
    },
    { dryRun: wait.dry_run },
  )
  const { row, changes, findings, view } = done
  if (!wait.wait || wait.dry_run) return { ...view, changes, findings }
  await fleet.waitForRelease(environment.environmentId, row.number, wait.timeout_ms)
  const live = await liveNumber(db, environment)
  return { ...releaseView(row, live, await listServingAgents(db, environment)), changes, findings }
}

/**
 * Configuration objects of a draft in Postgres.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { ConfigObject } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'

/** A configuration object to be written. */
export interface ObjectWrite {
  readonly kind: string
  readonly name: string
  readonly spec: Readonly<Record<string, unknown>>
  readonly origin: string
}

interface ListOptions {
  readonly kind: string | undefined
  /** Kind and name of the last row before. */
  readonly after: readonly [string, string] | undefined
  readonly take: number
}

export function listObjects(
  db: Tx,
  { environmentId }: EnvironmentScope,
  { kind, after, take }: ListOptions,
): Promise<ConfigObject[]> {
  return db.configObject.findMany({
    where: {
      environmentId,
      ...(kind === undefined ? {} : { kind }),
      ...(after === undefined ? {} : { OR: [{ kind: { gt: after[0] } }, { kind: after[0], name: { gt: after[1] } }] }),
    },
    orderBy: [{ kind: 'asc' }, { name: 'asc' }],
    take,
  })
}

export function findObject(
  db: Tx,
  { environmentId }: EnvironmentScope,
  kind: string,
  name: string,
): Promise<ConfigObject | null> {
  return db.configObject.findUnique({ where: { environmentId_kind_name: { environmentId, kind, name } } })
}

/** The whole draft. */
export function loadObjects(db: Tx, { environmentId }: EnvironmentScope): Promise<ConfigObject[]> {
  return db.configObject.findMany({ where: { environmentId } })
}

export async function insertObjects(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  objects: readonly ObjectWrite[],
  nowMs: number,
): Promise<void> {
  if (objects.length === 0) return
  const rows = JSON.stringify(
    objects.map((object) => ({ ...object, id: newId(ID_PREFIX[object.kind] ?? 'obj', nowMs) })),
  )
  const now = new Date(nowMs)
  // Guarantee: one statement however many objects, and all of them in this environment.
  await tx.$executeRaw`
    insert into config_objects (id, environment_id, kind, name, spec, origin, created_at, updated_at)
    select t.id, ${environmentId}, t.kind, t.name, t.spec, t.origin, ${now}, ${now}
    from jsonb_to_recordset(${rows}::jsonb) as t(id text, kind text, name text, spec jsonb, origin text)`
}

const ID_PREFIX: Readonly<Record<string, string>> = { service: 'svc', route: 'rt', policy: 'pol', certificate: 'crt' }

/** Objects that exist already; raises the revision of each. */
export async function updateObjects(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  objects: readonly ObjectWrite[],
  nowMs: number,
): Promise<void> {
  if (objects.length === 0) return
  const rows = JSON.stringify(objects)
  // Guarantee: one statement however many objects, and only those of this environment.
  await tx.$executeRaw`
    update config_objects o
    set spec = t.spec, origin = t.origin, revision = o.revision + 1, updated_at = ${new Date(nowMs)}
    from jsonb_to_recordset(${rows}::jsonb) as t(kind text, name text, spec jsonb, origin text)
    where o.environment_id = ${environmentId} and o.kind = t.kind and o.name = t.name`
}

export async function deleteObjects(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  ids: readonly string[],
): Promise<void> {
  if (ids.length > 0) await tx.configObject.deleteMany({ where: { environmentId, id: { in: [...ids] } } })
}

/** A spec as it comes out of the database: every writer checks that it is an object. */
export function specOf(row: Pick<ConfigObject, 'spec'>): Record<string, unknown> {
  return row.spec as Record<string, unknown>
}

/**
 * What a draft or a release holds.
 *
 * @module
 */
import { fromBinary } from '@bufbuild/protobuf'
import { SnapshotSchema } from '@headgate/proto'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { loadObjects, specOf } from '#control-plane/resources/objects/store.ts'
import { refuse } from '#control-plane/rest/refusal.ts'
import { type ContentObject, compareObjects } from './diff.ts'
import { findRelease, liveNumber } from './store.ts'

/** A draft or a release with its objects, in order. */
export interface Content {
  /** `draft`, `r1`, or `none` when nothing was ever published. */
  readonly label: string
  /** 0 for the draft and for nothing. */
  readonly number: number
  readonly objects: readonly ContentObject[]
}

/** What a stored snapshot says. It is one of ours, so it is taken as it is. */
export interface SnapshotContent {
  readonly tenant: string
  readonly environment: string
  readonly number: number
  readonly capabilityMin: number
  readonly objects: readonly ContentObject[]
}

export function readSnapshot(bytes: Uint8Array): SnapshotContent {
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const { tenant, environment, number, capabilityMin, objects } = fromBinary(SnapshotSchema, bytes)
  return {
    tenant,
    environment,
    number: Number(number),
    capabilityMin,
    objects: objects
      .map(({ kind, name, spec, origin }) => {
        return { kind, name, spec: JSON.parse(utf8.decode(spec)) as Record<string, unknown>, origin }
      })
      .toSorted(compareObjects),
  }
}

export async function loadDraft(db: Tx, scope: EnvironmentScope): Promise<Content> {
  const rows = await loadObjects(db, scope)
  const objects = rows.map((row) => ({ kind: row.kind, name: row.name, spec: specOf(row), origin: row.origin }))
  return { label: 'draft', number: 0, objects: objects.toSorted(compareObjects) }
}

/** @throws Refusal `not_found` when there is no such release. */
export async function loadRelease(db: Tx, scope: EnvironmentScope, number: number): Promise<Content> {
  const row = await findRelease(db, scope, number)
  if (row === null) return refuse('not_found', `There is no release r${number}`)
  return { label: `r${number}`, number, objects: readSnapshot(row.snapshot).objects }
}

/** What agents should act on; nothing when nothing was published. */
export async function loadLive(db: Tx, scope: EnvironmentScope): Promise<Content> {
  const number = await liveNumber(db, scope)
  return number === 0 ? { label: 'none', number: 0, objects: [] } : loadRelease(db, scope, number)
}

/** @param reference `draft`, `live`, `r1` or `1`. */
export function loadContent(db: Tx, scope: EnvironmentScope, reference: string): Promise<Content> {
  if (reference === 'draft') return loadDraft(db, scope)
  if (reference === 'live') return loadLive(db, scope)
  return loadRelease(db, scope, releaseNumber(reference))
}

/** Largest number that Postgres' `integer` holds: a release beyond it cannot exist. */
const NUMBER_MAX = 2 ** 31 - 1

/** @throws Refusal `not_found`. @param reference `r1` or `1`. */
export function releaseNumber(reference: string): number {
  const number = Number(reference.replace(/^r/, ''))
  return number >= 1 && number <= NUMBER_MAX ? number : refuse('not_found', `There is no release ${reference}`)
}

/** Number of a published release. @throws Refusal `not_found`. */
export async function resolveNumber(db: Tx, scope: EnvironmentScope, reference: string): Promise<number> {
  if (reference === 'draft') return refuse('not_found', 'The draft is not a release yet: publish it')
  if (reference !== 'live') return releaseNumber(reference)
  const number = await liveNumber(db, scope)
  return number === 0 ? refuse('not_found', 'Nothing is published yet') : number
}

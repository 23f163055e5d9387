/**
 * Compares two sets of configuration objects.
 *
 * Pure. Origins do not count: an object that moved to another line is the same object.
 *
 * @module
 */
import { canonicalJson, kindNames } from '@headgate/core'

/** A configuration object, as drafts and releases hold it. */
export interface ContentObject {
  readonly kind: string
  readonly name: string
  readonly spec: Record<string, unknown>
  readonly origin: string
}

export interface Change {
  readonly change: 'added' | 'removed' | 'changed'
  readonly kind: string
  readonly name: string
  readonly before: Record<string, unknown> | null
  readonly after: Record<string, unknown> | null
  /** What differs inside the spec, as JSON Pointers; empty for what was added or removed as a whole. */
  readonly pointers: string[]
}

/** Pointers that are listed for one object. */
const POINTERS_MAX = 100

/** In the order of kinds, then of names. */
export function diffObjects(before: readonly ContentObject[], after: readonly ContentObject[]): Change[] {
  const old = new Map(before.map((object) => [keyOf(object), object]))
  const fresh = new Map(after.map((object) => [keyOf(object), object]))
  const changes: Change[] = []
  for (const object of [...before, ...after.filter((each) => !old.has(keyOf(each)))].toSorted(compareObjects)) {
    const was = old.get(keyOf(object))?.spec ?? null
    const is = fresh.get(keyOf(object))?.spec ?? null
    const { kind, name } = object
    if (was === null) changes.push({ change: 'added', kind, name, before: null, after: is, pointers: [] })
    else if (is === null) changes.push({ change: 'removed', kind, name, before: was, after: null, pointers: [] })
    else if (canonicalJson(was) !== canonicalJson(is)) {
      changes.push({ change: 'changed', kind, name, before: was, after: is, pointers: differences(was, is) })
    }
  }
  return changes
}

/** `kind/name`. */
export function keyOf({ kind, name }: Pick<ContentObject, 'kind' | 'name'>): string {
  return `${kind}/${name}`
}

/** Order of lists and exports: kinds as in core, names by code unit, so that it is the same on every machine. */
export function compareObjects(
  a: Pick<ContentObject, 'kind' | 'name'>,
  b: Pick<ContentObject, 'kind' | 'name'>,
): number {
  const kinds: readonly string[] = kindNames
  const byKind = kinds.indexOf(a.kind) - kinds.indexOf(b.kind)
  if (byKind !== 0) return byKind
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

function differences(before: unknown, after: unknown, pointer = '', found: string[] = []): string[] {
  if (found.length >= POINTERS_MAX) return found
  if (isRecord(before) && isRecord(after)) {
    for (const name of [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted()) {
      const inner = `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
      if (!Object.hasOwn(before, name) || !Object.hasOwn(after, name)) found.push(inner)
      else differences(before[name], after[name], inner, found)
    }
  } else if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
      differences(before[index], after[index], `${pointer}/${index}`, found)
    }
  } else if (before === undefined || after === undefined || canonicalJson(before) !== canonicalJson(after)) {
    if (before !== after) found.push(pointer)
  }
  return found.slice(0, POINTERS_MAX)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Writes configuration objects as YAML, so that the same objects always give the same bytes.
 *
 * The order of fields is that of the kind's schema, because the control plane does not keep the order in which they
 * were written; fields that the schema does not know follow by name.
 *
 * @module
 */
import { specs } from '@headgate/admin-api'
import { stringify } from 'yaml'

export interface RenderedObject {
  readonly kind: string
  readonly name: string
  readonly spec: Readonly<Record<string, unknown>>
}

const SEPARATOR = '---\n'

/** One YAML document per object, in the order given. */
export function renderObjects(objects: readonly RenderedObject[]): string {
  const ranks = new Map<string, Ranks>()
  return objects
    .map(({ kind, name, spec }) => {
      const rank = ranks.get(kind) ?? fieldRanks(kind)
      ranks.set(kind, rank)
      // No line is folded: a diff shows the field that changed, not the paragraph.
      return stringify({ kind, name, spec: ordered(spec, rank) }, { lineWidth: 0 })
    })
    .join(SEPARATOR)
}

type Ranks = ReadonlyMap<string, number>

/** Every field name of a kind's schema, in order of first appearance. */
function fieldRanks(kind: string): Ranks {
  const ranks = new Map<string, number>()
  if (Object.hasOwn(specs, kind)) {
    collect(specs[kind as keyof typeof specs].toJSONSchema({ io: 'input', unrepresentable: 'any' }), ranks)
  }
  return ranks
}

function collect(schema: unknown, ranks: Map<string, number>): void {
  if (typeof schema !== 'object' || schema === null) return
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') {
      for (const name of Object.keys(value as object)) if (!ranks.has(name)) ranks.set(name, ranks.size)
    }
    collect(value, ranks)
  }
}

function ordered(value: unknown, ranks: Ranks): unknown {
  if (Array.isArray(value)) return value.map((item) => ordered(item, ranks))
  if (typeof value !== 'object' || value === null) return value
  const rank = (name: string): number => ranks.get(name) ?? ranks.size
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1))
      .map(([name, inner]) => [name, ordered(inner, ranks)]),
  )
}

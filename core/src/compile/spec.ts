/**
 * Checks one spec against the schema of its kind and says what is wrong in findings instead of schema words.
 *
 * @module
 */
import type { z } from 'zod'
import { kinds, type Kind } from '#core/kinds/index.ts'
import { jsonPointer, shown, type FindingDraft } from './findings.ts'

/** Specs by kind, with the defaults filled in. */
export type Specs = { readonly [K in Kind]: z.output<(typeof kinds)[K]> }

/** A spec that its schema accepted, or everything that is wrong with it. */
export type SpecCheck<K extends Kind = Kind> =
  | { readonly kind: 'valid'; readonly spec: Specs[K] }
  | { readonly kind: 'invalid'; readonly problems: readonly FindingDraft[] }

/** Unknown fields of one object that are named one by one. */
const FIELDS_MAX = 20

/** Never throws for JSON values, however deep: schemas do not descend into what they do not know. */
export function checkSpec<K extends Kind>(kind: K, spec: unknown): SpecCheck<K> {
  const result = kinds[kind].safeParse(spec)
  // The schema of K made it: the table of kinds is what ties the two together.
  if (result.success) return { kind: 'valid', spec: result.data as Specs[K] }
  return { kind: 'invalid', problems: result.error.issues.flatMap((issue) => problemsOf(issue, spec)) }
}

function problemsOf(issue: z.core.$ZodIssue, spec: unknown): readonly FindingDraft[] {
  const pointer = jsonPointer(issue.path)
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, FIELDS_MAX).map((key) => ({
      code: 'field_unknown',
      pointer: jsonPointer([...issue.path, key]),
      message: `The field ${JSON.stringify(shown(key))} does not exist here`,
      fix: 'Correct its name or remove it: a field that is ignored would open what it was meant to close',
    }))
  }
  if (valueAt(spec, issue.path) === undefined) {
    return [{ code: 'field_missing', pointer, message: 'The field is missing', fix: `Add it: ${expectation(issue)}` }]
  }
  const code = issue.code === 'invalid_value' || isUnknownVariant(issue) ? 'value_unknown' : 'spec_invalid'
  return [{ code, pointer, message: shown(issue.message), fix: expectation(issue) }]
}

/** No variant of a union has this value in the field that tells them apart. */
function isUnknownVariant(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_union' && issue.errors.length === 0
}

/** What would be right, in one sentence. */
function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `Use ${issue.values.map((value) => String(value)).join(', ')}`
    case 'invalid_type':
      return `Give ${article(issue.expected)}`
    case 'too_small':
      return `Give at least ${String(issue.minimum)}`
    case 'too_big':
      return `Give at most ${String(issue.maximum)}`
    default:
      return `See the reference of the kind: ${shown(issue.message)}`
  }
}

const article = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Record<PropertyKey, unknown>)[part]
  }
  return at
}

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
  if (issue.path.length > 0 && valueAt(spec, issue.path) === undefined) {
    return [{ code: 'field_missing', pointer, message: 'The field is missing', fix: `Add it: ${wanted(issue)}` }]
  }
  const { code, message } = complaint(issue)
  return [{ code, pointer, message, fix: capital(wanted(issue)) }]
}

function complaint(issue: z.core.$ZodIssue): Pick<FindingDraft, 'code' | 'message'> {
  if (issue.code === 'invalid_value' || optionsOf(issue) !== null) {
    return { code: 'value_unknown', message: 'The value is not one of those that exist' }
  }
  switch (issue.code) {
    case 'invalid_type':
      return { code: 'spec_invalid', message: `The value is not ${article(issue.expected)}` }
    case 'too_small':
      return { code: 'spec_invalid', message: 'The value is too small or too short' }
    case 'too_big':
      return { code: 'spec_invalid', message: 'The value is too big or too long' }
    case 'custom':
      return { code: 'spec_invalid', message: capital(issue.message) }
    default:
      return { code: 'spec_invalid', message: 'The value does not have the form that is asked for' }
  }
}

/** What would be right, as the end of a sentence. */
function wanted(issue: z.core.$ZodIssue): string {
  const options = issue.code === 'invalid_value' ? issue.values : optionsOf(issue)
  if (options !== null) return `use ${options.map(String).join(', ')}`
  switch (issue.code) {
    case 'invalid_type':
      return `give ${article(issue.expected)}`
    case 'too_small':
      return `give at least ${String(issue.minimum)}`
    case 'too_big':
      return `give at most ${String(issue.maximum)}`
    case 'invalid_format':
      return issue.message.startsWith('use ') ? issue.message : `use ${issue.message}`
    default:
      return issue.message
  }
}

/** The values of the field that tells the variants of a union apart, when that field has none of them. */
function optionsOf(issue: z.core.$ZodIssue): readonly unknown[] | null {
  return issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options) ? issue.options : null
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const article = (noun: string): string => `${/^[aeiou]/.test(noun) ? 'an' : 'a'} ${noun}`

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined
    at = (at as Record<PropertyKey, unknown>)[part]
  }
  return at
}

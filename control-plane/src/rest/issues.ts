/**
 * Says what is wrong with an input in words for operators: a pointer, a code, a message and a fix per problem.
 *
 * @module
 */
import type { InputIssue as Issue, ProblemDetail } from '@headgate/admin-api'

/** Problems that are named one by one. */
const ERRORS_MAX = 50

/** Longest text that is repeated from the input, in characters. */
const SHOWN_MAX = 100

/**
 * @param prefix pointer of the value within the body, such as `/spec`; empty for the whole body.
 * @param named the value holds path or query parameters: they are pointed at by name, without a slash.
 */
export function inputErrors(issues: readonly Issue[], prefix: string, named = false): ProblemDetail[] {
  const errors = issues.flatMap((issue) => describe(issue, prefix, named))
  return errors.slice(0, ERRORS_MAX)
}

function describe(issue: Issue, prefix: string, named: boolean): ProblemDetail[] {
  const at = (path: readonly PropertyKey[]): string => (named ? path.map(String).join('/') : prefix + jsonPointer(path))
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.slice(0, ERRORS_MAX).map((key) => ({
      pointer: at([...issue.path, key]),
      code: 'field_unknown',
      message: `${quote(key)} does not exist here`,
      fix: nearby(key) ?? 'Correct its name or remove it',
    }))
  }
  const inner = issue.code === 'invalid_union' ? closest(issue.errors) : undefined
  if (inner !== undefined)
    return inner.flatMap((each) => describe({ ...each, path: [...issue.path, ...each.path] }, prefix, named))
  const missing = issue.code === 'invalid_type' && issue.message.endsWith(' received undefined')
  return [
    {
      pointer: at(issue.path),
      code: missing ? 'field_missing' : issue.code === 'invalid_value' ? 'value_unknown' : 'value_invalid',
      message: missing ? 'It is missing' : clean(issue.message),
      fix: expectation(issue),
    },
  ]
}

/** Of the forms that a value could have, the one it misses by least: fewest problems, and those deepest inside. */
function closest(forms: readonly Issue[][]): Issue[] | undefined {
  const depth = (issues: Issue[]): number => Math.max(0, ...issues.map(({ path }) => path.length))
  return forms.filter((issues) => issues.length > 0).toSorted((a, b) => depth(b) - depth(a) || a.length - b.length)[0]
}

/** What would be right, in one sentence. */
function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `Use ${issue.values.map(String).join(', ')}`
    case 'invalid_type':
      return `Give ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`
    case 'too_small':
      return `Give at least ${String(issue.minimum)}`
    case 'too_big':
      return `Give at most ${String(issue.maximum)}`
    default:
      return 'See the schema in /v1/openapi.json'
  }
}

/** Names that are right but for their spelling: `expiresAt` for `expires_at`. */
function nearby(key: string): string | undefined {
  const snake = key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase()
  return snake === key ? undefined : `Names are in snake_case: did you mean ${quote(snake)}?`
}

function quote(text: string): string {
  return JSON.stringify(clean(text))
}

/** Cut, and without control characters, which could write into a terminal. */
function clean(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const plain = text
    .slice(0, SHOWN_MAX)
    .toWellFormed()
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')
  return text.length > SHOWN_MAX ? `${plain}…` : plain
}

/** JSON Pointer (RFC 6901); empty for the whole. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${clean(String(part)).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/**
 * An access policy in plain sentences. Pure.
 *
 * A condition that this page does not know is shown as it was written: what is asked for is never hidden.
 *
 * @module
 */
import { listText } from '../words.ts'

/** `code` is shown as it is, behind the text. */
export interface Sentence {
  readonly text: string
  readonly code?: string
}

type Spec = Readonly<Record<string, unknown>>

/**
 * @param spec of an access policy, as it was written.
 * @param exposure of the route; undefined: not known here.
 */
export function accessSentences(spec: Spec, exposure?: 'public' | 'internal'): readonly Sentence[] {
  // Where the policy has addresses, these count in place of what the route is meant for.
  const isInside = exposure === 'internal' && spec['addresses'] === undefined
  return [
    ...Object.entries(spec).flatMap(([field, value]) => sentencesOf(field, value)),
    ...(isInside ? [{ text: 'The request comes from a private network, because the route is internal' }] : []),
  ]
}

function sentencesOf(field: string, value: unknown): readonly Sentence[] {
  switch (field) {
    case 'type':
    case 'on':
      return []
    case 'public':
      return [publicSentence(value)]
    case 'credentials':
      return credentialSentences(value)
    case 'scopes':
      return textsOf(value).length === 0
        ? []
        : [{ text: `The caller has the ${many('scope', value)}`, code: all(value) }]
    case 'scopes_any':
      return [{ text: 'The caller has one of the scopes', code: all(value) }]
    case 'roles':
      return [{ text: 'The caller has one of the roles', code: all(value) }]
    case 'consumers':
      return [{ text: 'The caller is one of', code: all(value) }]
    case 'addresses':
      return addressSentences(value)
    case 'times':
      return [{ text: `It is open ${listText(objectsOf(value).map(windowText), 'or')}` }]
    case 'expression':
      return [{ text: 'And this is true:', code: String(value) }]
    default:
      return [{ text: `${field}:`, code: JSON.stringify(value) }]
  }
}

function publicSentence(value: unknown): Sentence {
  const { owner, reason } = objectOf(value)
  return { text: `Everybody may call. ${String(owner)} answers for that: ${String(reason)}` }
}

function credentialSentences(value: unknown): readonly Sentence[] {
  const kinds = objectsOf(value).map(credentialText)
  const [only] = kinds
  if (kinds.length === 1 && only !== undefined) return [{ text: `The caller proves itself with ${only}` }]
  return [{ text: 'The caller proves itself with one of these:' }, ...kinds.map((text) => ({ text: `— ${text}` }))]
}

function credentialText(source: Spec): string {
  const { kind, header, query, issuer, dpop, identities, covered, age_ms_max: ageMs } = source
  const bound = dpop === 'require' ? ', bound to a key or certificate of the caller' : ''
  switch (kind) {
    case 'api_key': {
      const places = [textOf(header ?? 'x-api-key'), 'Authorization: Bearer']
      return `an API key in ${listText(places, 'or')}${query === undefined ? '' : `, or in the parameter ${textOf(query)}`}`
    }
    case 'jwt':
      return `a token that ${String(issuer)} has signed${bound}`
    case 'introspection':
      return `a token that ${String(issuer)} says is good${bound}`
    case 'mtls':
      return `a client certificate, known by its ${listText(identities === undefined ? ['uri', 'dns'] : textsOf(identities), 'or')}`
    case 'signature': {
      const parts = covered === undefined ? ['@method', '@authority', '@path', '@query'] : textsOf(covered)
      const minutes = (typeof ageMs === 'number' ? ageMs : 300_000) / 60_000
      return `a signature over ${listText(parts, 'and')}, at most ${Number(minutes.toFixed(1))} min old`
    }
    default:
      return JSON.stringify(source)
  }
}

function addressSentences(value: unknown): readonly Sentence[] {
  const { allow, deny } = objectOf(value)
  return [
    ...(allow === undefined ? [] : [{ text: 'The request comes from', code: all(allow) }]),
    ...(textsOf(deny).length === 0 ? [] : [{ text: 'The request does not come from', code: all(deny) }]),
  ]
}

const dayNames: Readonly<Record<string, string>> = {
  mon: 'Monday',
  tue: 'Tuesday',
  wed: 'Wednesday',
  thu: 'Thursday',
  fri: 'Friday',
  sat: 'Saturday',
  sun: 'Sunday',
}
const week = Object.keys(dayNames)

function windowText({ days, from = '00:00', to = '24:00', zone }: Spec): string {
  return `${daysText(textsOf(days))} from ${String(from)} to ${String(to)} (${String(zone)})`
}

/** Days that follow each other are a span. */
function daysText(days: readonly string[]): string {
  if (days.length === 0 || week.every((day) => days.includes(day))) return 'every day'
  const at = days.map((day) => week.indexOf(day)).toSorted((a, b) => a - b)
  const name = (index: number | undefined): string => dayNames[week[index ?? -1] ?? ''] ?? '?'
  const isSpan = at.length > 2 && at.every((day, index) => index === 0 || day === (at[index - 1] ?? 0) + 1)
  return isSpan ? `${name(at[0])} to ${name(at.at(-1))}` : listText(at.map(name), 'and')
}

const many = (word: string, value: unknown): string => (textsOf(value).length === 1 ? word : `${word}s`)
const all = (value: unknown): string => textsOf(value).join(', ')

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

function objectsOf(value: unknown): readonly Spec[] {
  return Array.isArray(value) ? value.map(objectOf) : []
}

function objectOf(value: unknown): Spec {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/**
 * What an issuer is trusted with, in names and words. Pure.
 *
 * A field that this page does not know is shown as it was written.
 *
 * @module
 */
import { durationText, listText } from '../words.ts'

type Spec = Readonly<Record<string, unknown>>
export type Fact = readonly [name: string, text: string]

/** What is shown elsewhere, or is not about trust. */
const APART = ['issuer', 'description', 'ca']

/** @param spec of an issuer, as it was written. */
export function issuerFacts(spec: Spec): readonly Fact[] {
  const { consumer_claim: consumerClaim = 'client_id', unknown_consumers: unknown = 'refuse' } = spec
  const isAsked = spec['introspection'] !== undefined
  return [
    ['Tokens', isAsked ? askedText(spec['introspection']) : keysText(spec['keys'])],
    ['Are for', textOf(spec['audiences'])],
    ...(isAsked ? [] : signedFacts(spec)),
    [
      'Consumer',
      `named by ${claimText(consumerClaim)}; ${unknown === 'admit' ? 'others are let in by that name' : 'others are refused'}`,
    ],
    ['Scopes', `from ${claimText(spec['scope_claim'] ?? 'scope')}`],
    ['Roles', spec['role_claim'] === undefined ? 'not from tokens' : `from ${claimText(spec['role_claim'])}`],
    ...requiredFacts(spec['required_claims']),
    ...(spec['private_addresses'] === true ? ([['Address', 'may be in a private network']] as const) : []),
    ...Object.entries(spec)
      .filter(([field]) => !KNOWN.includes(field) && !APART.includes(field))
      .map(([field, value]): Fact => [field, textOf(value)]),
  ]
}

const KNOWN = [
  'introspection',
  'keys',
  'audiences',
  'algorithms',
  'token_types',
  'clock_skew_ms',
  'token_life_ms_max',
  'consumer_claim',
  'unknown_consumers',
  'scope_claim',
  'role_claim',
  'required_claims',
  'keys_stale_ms_max',
  'private_addresses',
]

function signedFacts(spec: Spec): readonly Fact[] {
  const { clock_skew_ms: skewMs = 30_000, keys_stale_ms_max: staleMs = 86_400_000, token_life_ms_max: lifeMs } = spec
  return [
    ['Signed with', textOf(spec['algorithms'] ?? ['ES256', 'EdDSA', 'PS256', 'RS256'])],
    ['Type', textOf(spec['token_types'] ?? ['at+jwt'])],
    ['Clocks', `may differ by ${durationText(Number(skewMs))}`],
    ...(lifeMs === undefined ? [] : [['Life', `at most ${durationText(Number(lifeMs))}`] as const]),
    ['Keys', `count for ${durationText(Number(staleMs))} while it does not answer`],
  ]
}

function keysText(keys: unknown): string {
  const source = objectOf(keys)
  if ('jwks' in source) return 'checked with keys that are in the configuration'
  if ('jwks_url' in source) return `checked with the keys at ${textOf(source['jwks_url'])}`
  return 'checked with the keys that its metadata names'
}

function askedText(introspection: unknown): string {
  const { url, cache_ms: cacheMs = 10_000 } = objectOf(introspection)
  return `asked about at ${textOf(url)}; an answer counts for ${durationText(Number(cacheMs))}`
}

function requiredFacts(required: unknown): readonly Fact[] {
  if (!Array.isArray(required) || required.length === 0) return []
  const texts = required.map(objectOf).map(({ claim, values }) => {
    const wanted =
      Array.isArray(values) && values.length > 0 ? ` is ${listText(values.map(String), 'or')}` : ' is there'
    return claimText(claim) + wanted
  })
  return [['Needed', listText(texts, 'and')]]
}

const claimText = (claim: unknown): string => (Array.isArray(claim) ? claim.map(String).join(' > ') : String(claim))

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function objectOf(value: unknown): Spec {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

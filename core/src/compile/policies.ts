/**
 * Second stage of `compile`: which policies apply to which route.
 *
 * For `access`, `https` and `size` the nearest wins as a whole (route, service, environment); `limit` policies add up.
 *
 * @module
 */
import type { CompiledLimit, ReleaseInput } from '#core/compile.ts'
import type {
  CompiledAccess,
  CompiledHttps,
  EffectivePolicy,
  CompiledRoute,
  EffectivePolicyEntry,
  PolicyOrigin,
} from '#core/release.ts'
import { compileAccess, reportAccess, type Issuers, type Known } from './access.ts'
import type { FindingList } from './findings.ts'
import { compileLimit, type LimitSpec, reportCosts } from './limits.ts'
import type { ReadObject, ReadObjects } from './read-objects.ts'
import type { Specs } from './spec.ts'

/** Limits at one place. Each is taken from per request, so this bounds the cost of a request. */
const LIMITS_PER_PLACE_MAX = 16

type AccessSpec = Extract<Specs['policy'], { type: 'access' }>
type SizeSpec = Extract<Specs['policy'], { type: 'size' }>
type HttpsSpec = Extract<Specs['policy'], { type: 'https' }>

interface PlacedAccess {
  readonly compiled: CompiledAccess
  readonly entry: EffectivePolicyEntry
}

interface PlacedLimit {
  readonly compiled: CompiledLimit
  /** The one of routes on which it counts; null: on all. */
  readonly exposure: CompiledRoute['exposure'] | null
  readonly entry: EffectivePolicyEntry
}

interface PlacedHttps {
  readonly compiled: CompiledHttps
  readonly entry: EffectivePolicyEntry
}

interface PlacedSize {
  readonly bodyBytesMax: number
  readonly entry: EffectivePolicyEntry
}

/** What sits at one place: the environment, a service or a route. */
interface Place {
  access: PlacedAccess | null
  https: PlacedHttps | null
  size: PlacedSize | null
  readonly limits: PlacedLimit[]
}

/** What applies to one route, in both forms. */
export interface RoutePolicies {
  readonly access: CompiledAccess | null
  readonly limits: readonly CompiledLimit[]
  readonly https: CompiledHttps | null
  /** See `CompiledRoute`; so is the next one. */
  readonly bodyBytesMax: number | null
  readonly guard: number
  readonly effective: EffectivePolicy
}

/** Answers for one route after the other, and knows in the end which policies apply to none. */
export interface PolicyTable {
  of(route: string, service: string, exposure: CompiledRoute['exposure']): RoutePolicies
  reportUnused(): void
}

/** Places all policies; reports those that point nowhere or collide. */
export function policyTable(
  input: ReleaseInput,
  objects: ReadObjects,
  issuers: Issuers,
  findings: FindingList,
): PolicyTable {
  const places = new Map<string, Place>()
  for (const policy of objects.byKind.policy) {
    const place = placeOf(policy, objects, findings)
    if (place === null) continue
    let at = places.get(place.id)
    if (at === undefined) places.set(place.id, (at = { access: null, https: null, size: null, limits: [] }))
    const { spec } = policy
    if (spec.type === 'access') putAccess(at, policy, spec, place.from, { objects, issuers }, findings)
    else if (spec.type === 'https') putHttps(at, policy, spec, place.from, findings)
    else if (spec.type === 'size') putSize(at, policy, spec, place.from, findings)
    else putLimit(at, policy, spec, place.from, { input, objects }, findings)
  }

  const used = new Set<string>()
  const merged = new Map<string, RoutePolicies>()
  const guards = new Map<string, number>()
  const of = (route: string, service: string, exposure: CompiledRoute['exposure']): RoutePolicies => {
    const atRoute = places.get(`route/${route}`)
    // Most routes have no policy of their own and share what their service has.
    const id = atRoute === undefined ? `service/${service}` : `route/${route}`
    const shape = `${exposure}/${id}`
    const known = merged.get(shape)
    if (known !== undefined) return known
    const policies = merge([places.get('environment'), places.get(`service/${service}`), atRoute], exposure, guards)
    if (policies.access !== null) used.add(policies.access.policy)
    if (policies.https !== null) used.add(policies.https.policy)
    if (policies.effective.size !== null) used.add(policies.effective.size.name)
    for (const limit of policies.limits) used.add(limit.policy)
    merged.set(shape, policies)
    return policies
  }
  const reportUnused = (): void => {
    for (const { name, subject } of objects.byKind.policy) {
      if (used.has(name)) continue
      const message = `The policy ${name} applies to no route`
      findings.warn(subject, { code: 'policy_unused', message, fix: 'Remove it, or put it where a route is' })
    }
  }
  return { of, reportUnused }
}

/** Where a policy sits; null when that does not exist. */
function placeOf(
  { spec, subject }: ReadObject<'policy'>,
  objects: ReadObjects,
  findings: FindingList,
): { readonly id: string; readonly from: PolicyOrigin } | null {
  if ('environment' in spec.on) return { id: 'environment', from: 'environment' }
  const [kind, name] =
    'service' in spec.on ? (['service', spec.on.service] as const) : (['route', spec.on.route] as const)
  if (objects.declares(kind, name)) return { id: `${kind}/${name}`, from: kind }
  const message = `There is no ${kind} ${name}`
  const fix = `Create the ${kind} ${name}, or name one that exists`
  findings.error(subject, { code: 'reference_unknown', pointer: `/on/${kind}`, message, fix })
  return null
}

function putAccess(
  at: Place,
  { name, subject }: ReadObject<'policy'>,
  spec: AccessSpec,
  from: PolicyOrigin,
  known: Known,
  findings: FindingList,
): void {
  if (at.access !== null) {
    const message = `${at.access.compiled.policy} and ${name} are both access policies of the same ${from}`
    findings.error(subject, { code: 'access_conflict', pointer: '/on', message, fix: 'Keep one of them' })
    return
  }
  const entry = { name, origin: subject.origin, from, spec }
  const compiled: CompiledAccess = {
    policy: name,
    origin: subject.origin,
    from,
    ...compileAccess(spec),
  }
  reportAccess(spec, known, subject, findings)
  at.access = { compiled, entry }
}

function putHttps(
  at: Place,
  { name, subject }: ReadObject<'policy'>,
  spec: HttpsSpec,
  from: PolicyOrigin,
  findings: FindingList,
): void {
  if (at.https !== null) {
    const message = `${at.https.compiled.policy} and ${name} are both HTTPS policies of the same ${from}`
    findings.error(subject, { code: 'https_conflict', pointer: '/on', message, fix: 'Keep one of them' })
    return
  }
  const { plain, port, hsts } = spec
  const portSuffix = port === 443 ? '' : `:${port}`
  const compiled = { policy: name, origin: subject.origin, from, plain, portSuffix, hsts: hstsValue(hsts) }
  at.https = { compiled, entry: { name, origin: subject.origin, from, spec } }
}

function putSize(
  at: Place,
  { name, subject }: ReadObject<'policy'>,
  spec: SizeSpec,
  from: PolicyOrigin,
  findings: FindingList,
): void {
  if (at.size !== null) {
    const message = `${at.size.entry.name} and ${name} are both size policies of the same ${from}`
    findings.error(subject, { code: 'size_conflict', pointer: '/on', message, fix: 'Keep one of them' })
    return
  }
  at.size = { bodyBytesMax: spec.body_bytes_max, entry: { name, origin: subject.origin, from, spec } }
}

/** RFC 6797 section 6.1; `preload` is not in it, and is what the list of the browsers looks for. */
function hstsValue(hsts: HttpsSpec['hsts']): string | null {
  if (hsts === undefined) return null
  const subdomains = hsts.include_subdomains ? '; includeSubDomains' : ''
  return `max-age=${hsts.max_age_s}${subdomains}${hsts.preload ? '; preload' : ''}`
}

function putLimit(
  at: Place,
  { name, subject }: ReadObject<'policy'>,
  spec: LimitSpec,
  from: PolicyOrigin,
  of: { readonly input: ReleaseInput; readonly objects: ReadObjects },
  findings: FindingList,
): void {
  if (at.limits.length === LIMITS_PER_PLACE_MAX) {
    const message = `There are more than ${LIMITS_PER_PLACE_MAX} limits on the same ${from}`
    findings.error(subject, { code: 'limits_too_many', pointer: '/on', message, fix: 'Remove some of them' })
    return
  }
  const compiled = compileLimit(of.input, name, subject.origin, spec)
  reportCosts(spec, compiled, of.objects, subject, findings)
  at.limits.push({ compiled, exposure: spec.exposure ?? null, entry: { name, origin: subject.origin, from, spec } })
}

/**
 * @param places from the widest to the nearest.
 * @param guards numbers of the combinations seen so far, by names.
 */
function merge(
  places: readonly (Place | undefined)[],
  exposure: CompiledRoute['exposure'],
  guards: Map<string, number>,
): RoutePolicies {
  let access: PlacedAccess | null = null
  let https: PlacedHttps | null = null
  let size: PlacedSize | null = null
  const limits: PlacedLimit[] = []
  for (const place of places) {
    if (place === undefined) continue
    access = place.access ?? access
    https = place.https ?? https
    size = place.size ?? size
    limits.push(...place.limits.filter((limit) => limit.exposure === null || limit.exposure === exposure))
  }
  limits.sort((a, b) => (a.compiled.policy < b.compiled.policy ? -1 : 1))
  const nearest = [access, https, size].map((placed) => placed?.entry.name ?? '')
  const names = [...nearest, ...limits.map((limit) => limit.compiled.policy)].join('/')
  const guard = guards.get(names) ?? guards.size
  guards.set(names, guard)
  return {
    access: access === null ? null : access.compiled,
    limits: limits.map((limit) => limit.compiled),
    https: https === null ? null : https.compiled,
    bodyBytesMax: size === null ? null : size.bodyBytesMax,
    guard,
    effective: {
      access: access === null ? null : access.entry,
      limits: limits.map((limit) => limit.entry),
      https: https === null ? null : https.entry,
      size: size === null ? null : size.entry,
    },
  }
}

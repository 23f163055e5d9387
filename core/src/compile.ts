/**
 * Turns a release into the form in which requests are decided, or says everything that is wrong with it.
 *
 * Control plane (publish, dry run) and agent (before the swap) run this same function: what is accepted at
 * publish is accepted everywhere. Never throws, whatever JSON values it is given; its cost grows with their size only.
 *
 * @module
 */
import { compileCertificates } from './compile/certificates.ts'
import { findingList, type FindingList } from './compile/findings.ts'
import { compileIssuers, compileRolePriorities, compileRoles } from './compile/issuers.ts'
import { reportLooseRoutes } from './compile/limits.ts'
import { policyTable } from './compile/policies.ts'
import { readObjects, type ReadObject, type ReadObjects } from './compile/read-objects.ts'
import { routeTable, type RouteEntry } from './compile/route-table.ts'
import { compileService } from './compile/services.ts'
import { compileSettings } from './compile/settings.ts'
import type { LimitAlgorithm } from './kinds/limit.ts'
import type { CompiledRelease, CompiledRoute, CompiledService, EffectivePolicy } from './release.ts'

/** A configuration object as it travels: `spec` is not yet trusted. */
export interface ObjectInput {
  readonly kind: string
  readonly name: string
  readonly spec: unknown
  readonly origin: string
}

/** What `compile` reads. */
export interface ReleaseInput {
  readonly tenant: string
  readonly environment: string
  readonly number: number
  readonly objects: readonly ObjectInput[]
}

/** Something that is wrong with, or strange about, a release. */
export interface Finding {
  /** Stable: `reference_unknown`, `route_conflict`, `route_shadowed`, `spec_invalid`, ... */
  readonly code: string
  readonly severity: 'error' | 'warning'
  /** `kind/name`. */
  readonly object: string
  readonly origin: string
  /** JSON Pointer (RFC 6901) into the spec; empty for the object as a whole. */
  readonly pointer: string
  readonly message: string
  /** What to do, in one sentence. */
  readonly fix: string
}

/** What some requests cost. */
export interface LimitCost {
  readonly routes: readonly string[]
  readonly methods: readonly string[]
  readonly cost: number
}

/** A limit that is ready to be taken from. */
export interface CompiledLimit {
  /** What it belongs to. */
  readonly of: 'policy' | 'api_key'
  /** Name of the policy, or of the limit of a key. */
  readonly policy: string
  /** Empty for a key. */
  readonly origin: string
  /** `tenant/environment/policy`: unique in an agent that serves many environments. */
  readonly id: string
  readonly algorithm: LimitAlgorithm
  readonly unit: 'requests' | 'bytes'
  /** So many units per window or period, or at a time. */
  readonly amount: number
  /** Of a quota the longest length of its period; of `concurrency` 0. */
  readonly windowMs: number
  /** How many units may come at once; where there is no burst, `amount`. */
  readonly burst: number
  /** The calendar of a quota; null: it is none. */
  readonly calendar: { readonly period: 'day' | 'month'; readonly zone: string } | null
  /** Parts of what is counted apart, such as `consumer` or `header:x-plan`. */
  readonly key: readonly string[]
  /** Bits of an address that count. */
  readonly ipv4Prefix: number
  readonly ipv6Prefix: number
  /** The first that fits counts; empty `routes` or `methods`: all. */
  readonly costs: readonly LimitCost[]
  /** Null: every agent counts for itself. */
  readonly shared: {
    readonly mode: 'each' | 'leased'
    readonly onFailure: 'local_share' | 'open' | 'closed'
  } | null
  /** Counted and recorded, and refuses nobody. */
  readonly shadow: boolean
}

/** A release that can decide, or everything that is wrong with it. */
export type Compiled =
  | { readonly kind: 'compiled'; readonly release: CompiledRelease; readonly warnings: readonly Finding[] }
  /** `findings`: errors first, then warnings. */
  | { readonly kind: 'refused'; readonly findings: readonly Finding[] }

/** Reports all problems at once: an operator repairs a release in one go. */
export function compile(input: ReleaseInput): Compiled {
  const findings = findingList()
  const objects = readObjects(input, findings)
  const services = new Map(objects.byKind.service.map((object) => [object.name, compileService(object)]))
  const issuers = compileIssuers(objects.byKind.issuer)
  const settings = compileSettings(objects.byKind.settings, findings)
  const policies = policyTable(input, objects, issuers, findings)
  const effective = new Map<string, EffectivePolicy>()
  const entries: RouteEntry[] = []
  // Most routes have the same few: requests then share the memory that they look at.
  const methodLists = new Map<string, readonly string[]>()
  for (const object of objects.byKind.route) {
    const service = serviceOf(object, services, objects, findings)
    if (service === null) continue
    const applied = policies.of(object.name, service.name, object.spec.exposure)
    const { access, limits, https, bodyBytesMax, guard } = applied
    if (access === null) reportUndecided(object, findings)
    const { hosts, match, exposure, path, trailers, websocket } = object.spec
    const methods = methodLists.getOrInsert(object.spec.methods.join(), object.spec.methods)
    if (websocket && service.protocol === 'http2') reportWebsocket(object, service, findings)
    const { name, subject } = object
    const route = {
      name,
      origin: subject.origin,
      service,
      exposure,
      methods,
      path,
      trailers,
      websocket,
      access,
      limits,
      https,
      bodyBytesMax,
      guard,
    }
    entries.push({ route, hosts, match, subject })
    effective.set(name, applied.effective)
  }
  const index = routeTable(entries, findings)
  const certificates = compileCertificates(objects.byKind.certificate, findings)
  // What is broken may be what uses the rest: only a whole release can say that something is unused.
  if (findings.errors.length > 0) return { kind: 'refused', findings: [...findings.errors, ...findings.warnings] }

  policies.reportUnused()
  reportUnusedServices(objects, entries, findings)
  const certificateByHost = new Map(certificates.flatMap((one) => one.hosts.map((host) => [host, one] as const)))
  reportUnreachable(entries, certificateByHost, findings)
  reportLooseRoutes(entries, findings)
  const hosts = new Set(entries.flatMap((entry) => (entry.hosts.length === 0 ? ['*'] : entry.hosts)))
  const release: CompiledRelease = {
    tenant: input.tenant,
    environment: input.environment,
    number: input.number,
    certificates,
    certificateByHost,
    requiresClients: certificates.some((one) => one.clientCertificates?.mode === 'required'),
    hosts: [...hosts].toSorted(),
    settings,
    issuers,
    roles: compileRoles(objects.byKind.role),
    rolePriorities: compileRolePriorities(objects.byKind.role),
    services,
    routes: new Map(entries.map(({ route }): [string, CompiledRoute] => [route.name, route])),
    effective,
    index,
  }
  return { kind: 'compiled', release, warnings: findings.warnings }
}

/** @returns null when it does not exist, which is reported, or is broken, which was reported with the service. */
function serviceOf(
  { spec, subject }: ReadObject<'route'>,
  services: ReadonlyMap<string, CompiledService>,
  objects: ReadObjects,
  findings: FindingList,
): CompiledService | null {
  if (!objects.declares('service', spec.service)) {
    const message = `There is no service ${spec.service}`
    const fix = `Create the service ${spec.service}, or name one that exists`
    findings.error(subject, { code: 'reference_unknown', pointer: '/service', message, fix })
  }
  return services.get(spec.service) ?? null
}

function reportUndecided({ name, subject }: ReadObject<'route'>, findings: FindingList): void {
  const message = `No access policy applies to ${name}: it answers 403 to everybody`
  const fix =
    'Put an access policy on the route, its service or the environment: credentials, or public with owner and reason'
  findings.warn(subject, { code: 'access_undecided', message, fix })
}

// The agent asks for the upgrade of HTTP/1.1; over HTTP/2 it would be another handshake (RFC 8441).
function reportWebsocket({ subject }: ReadObject<'route'>, service: CompiledService, findings: FindingList): void {
  const message = `The targets of ${service.name} speak HTTP/2, over which no WebSocket connection is made`
  const fix = 'Let the service speak http1, or leave websocket out'
  findings.error(subject, { code: 'websocket_unsupported', pointer: '/websocket', message, fix })
}

function reportUnusedServices(objects: ReadObjects, entries: readonly RouteEntry[], findings: FindingList): void {
  const used = new Set(entries.map(({ route }) => route.service.name))
  for (const { name, subject } of objects.byKind.service) {
    if (used.has(name)) continue
    const message = `No route leads to the service ${name}`
    findings.warn(subject, { code: 'service_unused', message, fix: 'Add a route, or remove the service' })
  }
}

/** Routes that are closed to plain HTTP, at hosts for which no certificate is presented. */
function reportUnreachable(
  entries: readonly RouteEntry[],
  certificates: ReadonlyMap<string, unknown>,
  findings: FindingList,
): void {
  for (const { route, hosts, subject } of entries) {
    if (route.https === null || route.https.plain === 'allow') continue
    const bare = hosts.find((host) => !certificates.has(host) && !certificates.has(`*${host.slice(host.indexOf('.'))}`))
    if (bare === undefined) continue
    const message = `${route.name} needs HTTPS, and no certificate is for ${bare}: nobody can reach it there`
    const fix = `Add a certificate for ${bare}, or let the policy ${route.https.policy} allow plain HTTP`
    findings.warn(subject, { code: 'https_unreachable', pointer: '/hosts', message, fix })
  }
}

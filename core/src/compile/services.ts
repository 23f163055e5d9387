/**
 * Part of `compile`: services.
 *
 * What is left out in a spec is made explicit here, so that no reader has a default of its own.
 *
 * @module
 */
import { targetOrigin } from '#core/kinds/service.ts'
import { identityNames } from '#core/kinds/service-identity.ts'
import type {
  CompiledActiveHealth,
  CompiledAuthentication,
  CompiledBalancing,
  CompiledIdentity,
  CompiledService,
  CompiledTargetTls,
} from '#core/release.ts'
import { compileClient } from './issuers.ts'
import type { ReadObject } from './read-objects.ts'

const HEADER = 'header:'

type Spec = ReadObject<'service'>['spec']

export function compileService({ name, spec, subject }: ReadObject<'service'>): CompiledService {
  const { health, breaker, retries } = spec
  const { failures, window_ms, statuses, eject_ms, ejected_max_percent } = health.passive
  return {
    name,
    origin: subject.origin,
    owner: spec.owner,
    dataLabel: spec.data_label,
    targets: spec.targets.map(({ url, weight, zone }) => ({
      // Its schema has read it.
      url: targetOrigin(url) ?? url,
      weight,
      zone: zone ?? null,
    })),
    protocol: spec.protocol,
    connectTimeoutMs: spec.connect_timeout_ms,
    responseTimeoutMs: Math.min(
      spec.response_timeout_ms,
      retries.try_timeout_ms ?? Infinity,
      spec.request_timeout_ms ?? Infinity,
    ),
    requestTimeoutMs: spec.request_timeout_ms ?? null,
    streamIdleMs: spec.stream_idle_ms ?? null,
    balancing: compileBalancing(spec.balancing),
    health: {
      active: health.active === undefined ? null : compileActive(health.active),
      passive: {
        failures,
        windowMs: window_ms,
        statuses,
        ejectMs: eject_ms,
        ejectedMaxPercent: ejected_max_percent,
      },
      panicPercent: health.panic_percent,
    },
    breaker: {
      requestsMax: breaker.requests_max ?? null,
      pendingMax: breaker.pending_max ?? null,
      connectionsMax: breaker.connections_max ?? null,
    },
    overload: {
      isAdaptive: spec.overload.adaptive === 'on',
      concurrencyMin: Math.min(spec.overload.concurrency_min, spec.overload.concurrency_max ?? Infinity),
      concurrencyMax: spec.overload.concurrency_max ?? null,
    },
    retries: {
      attemptsMax: retries.attempts_max,
      budgetPercent: retries.budget_percent,
      onTimeout: retries.try_timeout_ms !== undefined,
    },
    tls: spec.tls === undefined ? null : compileTls(spec.tls),
    identity: compileIdentity(spec.identity),
    authentication: spec.authentication === undefined ? null : compileAuthentication(spec.authentication),
    reservedHeaders: reservedHeaders(spec),
  }
}

function compileBalancing(spec: Spec['balancing']): CompiledBalancing {
  const on = spec.hash_on ?? 'address'
  const isHeader = on.startsWith(HEADER)
  return {
    algorithm: spec.algorithm,
    hashOn: isHeader ? 'header' : on === 'consumer' ? 'consumer' : 'address',
    hashHeader: isHeader ? on.slice(HEADER.length) : '',
    slowStartMs: spec.slow_start_ms,
    zonePanicPercent: spec.zone_preference?.panic_percent ?? null,
  }
}

function compileActive(spec: NonNullable<Spec['health']['active']>): CompiledActiveHealth {
  return {
    path: spec.path,
    host: spec.host ?? null,
    intervalMs: spec.interval_ms,
    timeoutMs: spec.timeout_ms,
    healthyAfter: spec.healthy_after,
    unhealthyAfter: spec.unhealthy_after,
    statuses: spec.statuses ?? null,
  }
}

function compileTls({ ca, server_name, certificate }: NonNullable<Spec['tls']>): CompiledTargetTls {
  return { ca: ca ?? null, serverName: server_name ?? null, certificate: certificate ?? null }
}

function compileIdentity({ headers, claims, token }: Spec['identity']): CompiledIdentity {
  const { consumer = null, credential = null, scopes = null, roles = null } = headers
  return {
    headers: { consumer, credential, scopes, roles },
    claims: claims.map(({ claim, header }) => ({ path: claim, header })),
    token:
      token === undefined
        ? null
        : { audience: token.audience, header: token.header, lifeMs: token.life_ms, claims: token.claims },
  }
}

function compileAuthentication(spec: NonNullable<Spec['authentication']>): CompiledAuthentication {
  switch (spec.kind) {
    case 'header':
      return { kind: spec.kind, header: spec.name, prefix: spec.prefix, secret: spec.value }
    case 'basic':
      return { kind: spec.kind, username: spec.username, secret: spec.password }
    case 'oauth':
      return {
        kind: spec.kind,
        tokenUrl: spec.token_url,
        client: compileClient(spec.client),
        issuer: spec.issuer ?? spec.token_url,
        scopes: spec.scopes,
        audience: spec.audience ?? null,
        resource: spec.resource ?? null,
        privateAddresses: spec.private_addresses,
        ca: spec.ca ?? null,
      }
  }
}

/** No caller can send fields that begin like this, whatever the service. */
const NEVER_FROM_CALLERS = 'x-headgate-'

function reservedHeaders({ identity, authentication }: Spec): readonly string[] {
  const names = identityNames(identity).map(([, name]) => name)
  if (authentication !== undefined) names.push(authentication.kind === 'header' ? authentication.name : 'authorization')
  return [...new Set(names)].filter((name) => !name.startsWith(NEVER_FROM_CALLERS))
}

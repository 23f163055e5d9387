/**
 * Explains a request: which gate stopped it, by which rule, what was needed, what the caller had, and what would help.
 *
 * @module
 */
import type { DecisionRecord, Explanation, Given } from '@headgate/admin-api'
import { type CompiledRelease, type Decision, type LimitState, type Principal, compile, reasons } from '@headgate/core'
import type { EnvironmentScope } from '#control-plane/db.ts'
import { type Content, loadContent, loadRelease } from '#control-plane/releases/content.ts'
import { refuseFindings } from '#control-plane/releases/publish.ts'
import type { EnvironmentContext } from '#control-plane/rest/contract.ts'
import { awaitDecision } from '#control-plane/decisions/find.ts'
import { readDecision, reasonTitle } from '#control-plane/decisions/record.ts'
import { fixesOf } from './fixes.ts'
import { type GateView, gatesByOutcome, gatesOf, withShadows } from './gates.ts'
import { isReason, replay } from './recorded.ts'
import { simulate } from './simulated.ts'

type SimulatedRequest = NonNullable<Given<'explain'>['body']['request']>

/** @throws Refusal `not_found`. */
export async function explainRecorded(context: EnvironmentContext, reference: string): Promise<Explanation> {
  const { services, environment, signal } = context
  const row = await awaitDecision(services, environment, reference, signal)
  const record = readDecision(row, environment.environmentName)
  const content = record.release === 0 ? null : await loadRelease(services.db, environment, record.release)
  const release = content === null ? null : compileContent(environment, content)
  const { evaluation, agrees } = await replay(release, environment.environmentName, record)
  const tls = record.tls ?? 'Plain HTTP'
  const stopped = isReason(record.reason) ? reasons[record.reason].gate : null
  const title = reasonTitle(record.reason)
  const { decision } = evaluation
  const traced =
    agrees && (decision.reason === record.reason || (stopped === 'upstream' && decision.outcome === 'allow'))
  return {
    source: 'recorded',
    request_id: record.request_id,
    at: record.at,
    agent: record.agent,
    release: content?.label ?? 'none',
    ...pick(record, [
      'method',
      'host',
      'path',
      'scheme',
      'address',
      'outcome',
      'reason',
      'status',
      'route',
      'service',
      'duration_ms',
    ]),
    ...pick(record, ['principal', 'rule', 'needed', 'had', 'limits', 'tightest']),
    reason_title: title,
    // What was recorded counts: a trace that tells another story would mislead.
    gates: withShadows(
      traced
        ? gatesOf(evaluation.steps, { tls, upstream: upstreamGate(record, title) })
        : gatesByOutcome(stopped, title, tls),
      record.limits,
    ),
    fixes:
      record.outcome === 'allow'
        ? []
        : fixesOf(
            {
              ...record,
              environment: environment.environmentName,
              retryAfterMs: record.limits[record.tightest]?.retry_after_ms ?? 0,
            },
            release,
          ),
    agrees,
  }
}

/** @throws Refusal `not_found`, or `release_refused` for a draft that does not compile. */
export async function explainSimulated(
  context: EnvironmentContext,
  request: SimulatedRequest,
  reference: string,
): Promise<Explanation> {
  const { services, environment } = context
  const content = await loadContent(services.db, environment, reference)
  const release = content.label === 'none' ? null : compileContent(environment, content)
  const nowMs = request.at === undefined ? services.clock.now() : Date.parse(request.at)
  const { decision, steps, host, path } = await simulate({ db: services.db, environment, release, request, nowMs })
  const view = decisionView(decision)
  const { method, scheme, address } = request
  const upstream: GateView = {
    gate: 'upstream',
    outcome: 'not_reached',
    detail: decision.outcome === 'allow' ? 'A simulated request is not sent' : '',
  }
  return {
    source: 'simulated',
    request_id: null,
    at: new Date(nowMs).toISOString(),
    agent: null,
    release: content.label,
    method,
    host,
    path,
    scheme,
    address,
    ...view,
    reason_title: reasonTitle(decision.reason),
    duration_ms: null,
    gates: withShadows(
      gatesOf(steps, { tls: scheme === 'https' ? 'TLS is not simulated' : 'Plain HTTP', upstream }),
      view.limits,
    ),
    fixes:
      decision.outcome === 'allow'
        ? []
        : fixesOf(
            {
              ...view,
              method,
              path,
              address,
              environment: environment.environmentName,
              retryAfterMs: decision.limits[decision.tightest]?.retryAfterMs ?? 0,
            },
            release,
          ),
    agrees: true,
  }
}

/** @throws Refusal `release_refused`: only a draft can be broken. */
function compileContent(
  { tenantName, environmentName }: EnvironmentScope,
  { number, objects }: Content,
): CompiledRelease {
  const compiled = compile({ tenant: tenantName, environment: environmentName, number: Math.max(1, number), objects })
  return compiled.kind === 'compiled' ? compiled.release : refuseFindings(compiled.findings)
}

function upstreamGate({ upstream, outcome, status, reason }: DecisionRecord, title: string): GateView {
  const gate = 'upstream'
  if (isReason(reason) && reasons[reason].gate === gate) return { gate, outcome: 'stopped', detail: title }
  if (outcome === 'deny') return { gate, outcome: 'not_reached', detail: '' }
  const answer =
    upstream === null
      ? `Answered ${status}`
      : `${upstream.target} answered ${upstream.status ?? 'nothing'} in ${upstream.duration_ms} ms`
  return { gate, outcome: 'passed', detail: answer }
}

type View = Pick<
  Explanation,
  | 'outcome'
  | 'reason'
  | 'status'
  | 'route'
  | 'service'
  | 'principal'
  | 'rule'
  | 'needed'
  | 'had'
  | 'limits'
  | 'tightest'
>

function decisionView(decision: Decision): View {
  const { outcome, reason, status, route, service, principal, rule, needed, had, limits, tightest } = decision
  return {
    outcome,
    reason,
    status,
    route,
    service,
    principal: principal === null ? null : principalView(principal),
    rule: rule === null ? null : { ...rule },
    // On 405 what is needed is a method that the route serves.
    needed: [...(reason === 'method_not_allowed' && needed.length === 0 ? decision.allow : needed)],
    had: [...had],
    limits: limits.map(limitView),
    tightest,
  }
}

function principalView(principal: Principal): NonNullable<View['principal']> {
  const isToken = principal.credentialKind === 'jwt' || principal.credentialKind === 'introspection'
  return {
    consumer: principal.consumer,
    consumer_id: principal.consumerId,
    credential_id: principal.credentialId,
    credential_kind: principal.credentialKind,
    hint: principal.credentialHint,
    issuer: isToken ? principal.credentialHint : null,
    scopes: [...principal.scopes],
    roles: [...principal.roles],
  }
}

function limitView(state: LimitState): View['limits'][number] {
  const { policy, algorithm, unit, amount, windowMs, remaining, resetMs, retryAfterMs, exceeded, shadow } = state
  const times = { window_ms: windowMs, remaining, reset_ms: resetMs, retry_after_ms: retryAfterMs }
  return { policy, algorithm, unit, requests: amount, ...times, exceeded, shadow }
}

function pick<T extends object, K extends keyof T>(value: T, names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(names.map((name) => [name, value[name]])) as Pick<T, K>
}

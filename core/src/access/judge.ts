/**
 * Whether a proven caller may call: scopes, roles, consumers, times, and an expression. All conditions of a policy count.
 *
 * @module
 */
import type { Facts, Principal } from '#core/decision.ts'
import { type Bindings, type CompiledExpression, compileExpression } from '#core/expressions/compile.ts'
import type { DenyDetails } from '#core/outcome.ts'
import type { Reason } from '#core/reasons.ts'
import type { CompiledAccess, CompiledConditions } from '#core/release.ts'
import { named } from './named.ts'
import { isWithin } from './times.ts'

/** Why a caller may not call. */
export interface Lacking {
  readonly reason: Reason
  readonly details: DenyDetails
}

const NONE: readonly never[] = []

/** Scopes of the credential, and of the caller's roles. */
export function effectiveScopes(
  principal: Principal | null,
  roles: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  if (principal === null) return NONE
  if (principal.roles.length === 0) return principal.scopes
  return [...new Set([...principal.scopes, ...principal.roles.flatMap((role) => roles.get(role) ?? NONE)])]
}

/**
 * @param scopes of `effectiveScopes`.
 * @param nowMs wall clock.
 * @returns null: nothing is lacking.
 */
export function lackingAccess(
  access: CompiledAccess,
  facts: Facts,
  principal: Principal | null,
  scopes: readonly string[],
  nowMs: () => number,
): Lacking | null {
  for (const scope of access.scopes) {
    if (!scopes.includes(scope)) return lacking('scope_missing', access.scopes, scopes.toSorted())
  }
  return access.conditions === null ? null : lackingCondition(access.conditions, facts, principal, scopes, nowMs)
}

function lackingCondition(
  conditions: CompiledConditions,
  facts: Facts,
  principal: Principal | null,
  scopes: readonly string[],
  nowMs: () => number,
): Lacking | null {
  const { scopesAny, roles, consumers, times, expression } = conditions
  if (scopesAny.length > 0 && !scopesAny.some((scope) => scopes.includes(scope))) {
    return lacking('scope_missing', scopesAny, scopes.toSorted())
  }
  const had = principal?.roles ?? NONE
  if (roles.length > 0 && !roles.some((role) => had.includes(role))) {
    return lacking('role_missing', roles, had.toSorted())
  }
  if (consumers.length > 0 && !(principal !== null && isOneOf(principal, consumers))) {
    return lacking('consumer_not_allowed', named(consumers), principal === null ? NONE : [principal.consumer])
  }
  if (times.length > 0) {
    const askedMs = nowMs()
    if (!isWithin(times, askedMs)) {
      const needed = times.map(({ text }) => text)
      return lacking('time_not_allowed', needed, [new Date(askedMs).toISOString()])
    }
  }
  if (expression === null) return null
  const result = evaluate(expression, facts, principal, scopes)
  return result === true ? null : lacking(result === false ? 'expression_denied' : 'expression_failed', [expression])
}

/** A name that an issuer gives to somebody who is no consumer here is not the name of a consumer. */
function isOneOf({ consumerId, consumer }: Principal, consumers: readonly string[]): boolean {
  return consumerId !== '' && consumers.includes(consumer)
}

function lacking(reason: Reason, needed: readonly string[], had: readonly string[] = NONE): Lacking {
  return { reason, details: { needed, had } }
}

// By text, in each thread: a release is handed over as data, and functions are none.
const compiled = new Map<string, CompiledExpression>()

/** Expressions that are kept; a release has at most one for each access policy. */
const KEPT_MAX = 10_000

function evaluate(
  text: string,
  facts: Facts,
  principal: Principal | null,
  scopes: readonly string[],
): boolean | 'failed' {
  let expression = compiled.get(text)
  if (expression === undefined) {
    if (compiled.size >= KEPT_MAX) compiled.clear()
    compiled.set(text, (expression = compileExpression(text)))
  }
  // It was checked when the release was compiled.
  if (expression.kind === 'invalid') return 'failed'
  return expression.evaluate(bindingsOf(facts, principal, scopes, expression.headers))
}

function bindingsOf(
  facts: Facts,
  principal: Principal | null,
  scopes: readonly string[],
  names: readonly string[],
): Bindings {
  const { method, host, path, query, scheme, address } = facts
  const headers: Record<string, string> = {}
  for (const name of names) {
    const values = facts.header(name)
    if (values.length > 0) headers[name] = values.join(', ')
  }
  return {
    request: { method, host, path, query, scheme, address, headers },
    principal:
      principal === null
        ? {}
        : {
            consumer: principal.consumer,
            credential_kind: principal.credentialKind,
            scopes,
            roles: principal.roles,
          },
    claims: (principal?.claims ?? {}) as Bindings['claims'],
  }
}

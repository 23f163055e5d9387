/**
 * What is wrong with specs when they are written, and with a draft as a whole.
 *
 * @module
 */
import type { ProblemDetail } from '@headgate/admin-api'
import { type Finding, type Kind, type ObjectInput, checkSpec, compile } from '@headgate/core'
import type { EnvironmentScope } from '#control-plane/db.ts'
import { Refusal } from '#control-plane/rest/refusal.ts'

/** Everything that `compile` finds: errors first, then warnings. */
export function draftFindings(scope: EnvironmentScope, objects: readonly ObjectInput[]): Finding[] {
  const compiled = compile({ tenant: scope.tenantName, environment: scope.environmentName, number: 1, objects })
  return [...(compiled.kind === 'compiled' ? compiled.warnings : compiled.findings)]
}

interface SpecAt {
  readonly kind: Kind
  readonly spec: unknown
  /** JSON Pointer of the spec in the body. */
  readonly pointer: string
}

/** Problems that are shown of one body. */
const ERRORS_MAX = 100

/** @throws Refusal `input_invalid` with all problems of all specs. */
export function checkSpecs(specs: readonly SpecAt[]): void {
  const errors: ProblemDetail[] = []
  for (const { kind, spec, pointer } of specs) {
    const check = checkSpec(kind, spec)
    if (check.kind === 'valid') continue
    for (const problem of check.problems) {
      errors.push({
        pointer: pointer + (problem.pointer ?? ''),
        code: problem.code,
        message: problem.message,
        fix: problem.fix,
      })
    }
    if (errors.length >= ERRORS_MAX) break
  }
  if (errors.length > 0) throw new Refusal('input_invalid', { errors: errors.slice(0, ERRORS_MAX) })
}

/**
 * Part of `compile`: what an access policy accepts and asks for.
 *
 * @module
 */
import { compileTimeWindow } from '#core/access/times.ts'
import { parseAddressRanges } from '#core/credentials/addresses.ts'
import { compileExpression } from '#core/expressions/compile.ts'
import type { CompiledAccess, CompiledAddresses, CompiledConditions, CompiledSources } from '#core/release.ts'
import type { FindingList, Subject } from './findings.ts'
import type { ReadObjects } from './read-objects.ts'
import type { Specs } from './spec.ts'

type AccessSpec = Extract<Specs['policy'], { type: 'access' }>
type Source = NonNullable<AccessSpec['credentials']>[number]

/** What the policy says, whoever it applies to. */
export function compileAccess(
  spec: AccessSpec,
): Pick<CompiledAccess, 'public' | 'sources' | 'scopes' | 'addresses' | 'conditions'> {
  return {
    public: spec.public ?? null,
    sources: sourcesOf(spec.credentials ?? []),
    scopes: unique(spec.scopes),
    addresses: addressesOf(spec.addresses),
    conditions: conditionsOf(spec),
  }
}

function sourcesOf(sources: readonly Source[]): CompiledSources {
  const of = <K extends Source['kind']>(kind: K): readonly Extract<Source, { kind: K }>[] =>
    sources.filter((source): source is Extract<Source, { kind: K }> => source.kind === kind)
  const apiKeys = of('api_key')
  const [certificate] = of('mtls')
  const [signature] = of('signature')
  return {
    kinds: [...new Set(sources.map(({ kind }) => kind))],
    apiKeyHeaders: [...new Set(apiKeys.map(({ header }) => header))],
    apiKeyQuery: [...new Set(apiKeys.flatMap(({ query }) => (query === undefined ? [] : [query])))],
    tokens: [...of('jwt'), ...of('introspection')].map(({ kind, issuer, dpop }) => {
      return { kind, issuer, mustBeBound: dpop === 'require' }
    }),
    certificate: certificate === undefined ? null : [...new Set(certificate.identities)],
    signature: signature === undefined ? null : { covered: signature.covered, ageMsMax: signature.age_ms_max },
  }
}

function addressesOf(spec: AccessSpec['addresses']): CompiledAddresses | null {
  if (spec === undefined) return null
  return {
    allow: spec.allow === undefined ? null : parseAddressRanges(spec.allow),
    deny: parseAddressRanges(spec.deny),
  }
}

function conditionsOf(spec: AccessSpec): CompiledConditions | null {
  const { scopes_any: scopesAny, roles, consumers, times, expression } = spec
  if ([scopesAny, roles, consumers, times, expression].every((each) => each === undefined)) return null
  return {
    scopesAny: unique(scopesAny),
    roles: unique(roles),
    consumers: unique(consumers),
    times: (times ?? []).map(compileTimeWindow),
    expression: expression ?? null,
  }
}

const unique = (texts: readonly string[] = []): readonly string[] => [...new Set(texts)].toSorted()

/** Reports what the policy refers to and what is not there, and an expression that cannot be evaluated. */
export function reportAccess(spec: AccessSpec, objects: ReadObjects, subject: Subject, findings: FindingList): void {
  for (const [index, source] of (spec.credentials ?? []).entries())
    reportSource(source, index, objects, subject, findings)
  for (const kind of ['mtls', 'signature'] as const) {
    const places = (spec.credentials ?? []).flatMap((source, index) => (source.kind === kind ? [index] : []))
    if (places.length < 2) continue
    const message = `${kind} is there twice`
    findings.error(subject, {
      code: 'source_duplicate',
      pointer: `/credentials/${places[1]}`,
      message,
      fix: 'Keep one of them',
    })
  }
  for (const [index, role] of (spec.roles ?? []).entries()) {
    if (objects.declares('role', role)) continue
    const message = `There is no role ${role}`
    const fix = `Create the role ${role}, or name one that exists`
    findings.error(subject, { code: 'reference_unknown', pointer: `/roles/${index}`, message, fix })
  }
  if (spec.expression === undefined) return
  const compiled = compileExpression(spec.expression)
  if (compiled.kind === 'expression') return
  const message = `The expression cannot be used: ${compiled.why}`
  findings.error(subject, {
    code: 'expression_invalid',
    pointer: '/expression',
    message,
    fix: 'Correct the expression',
  })
}

function reportSource(
  source: Source,
  index: number,
  objects: ReadObjects,
  subject: Subject,
  findings: FindingList,
): void {
  if (source.kind !== 'jwt' && source.kind !== 'introspection') return
  const pointer = `/credentials/${index}/issuer`
  if (!objects.declares('issuer', source.issuer)) {
    const message = `There is no issuer ${source.issuer}`
    const fix = `Create the issuer ${source.issuer}, or name one that exists`
    findings.error(subject, { code: 'reference_unknown', pointer, message, fix })
    return
  }
  const issuer = objects.byKind.issuer.find(({ name }) => name === source.issuer)
  if (issuer === undefined) return
  const kind = issuer.spec.introspection === undefined ? 'jwt' : 'introspection'
  if (kind === source.kind) return
  const message =
    kind === 'jwt'
      ? `The issuer ${source.issuer} is not asked about tokens: it has keys`
      : `The issuer ${source.issuer} is asked about tokens: it has no keys`
  findings.error(subject, { code: 'source_mismatch', pointer, message, fix: `Use kind: ${kind}` })
}

/**
 * Part of `compile`: what an access policy accepts and asks for.
 *
 * @module
 */
import { compileTimeWindow } from '#core/access/times.ts'
import { parseAddressRanges } from '#core/credentials/addresses.ts'
import { compileExpression } from '#core/expressions/compile.ts'
import type {
  CompiledAccess,
  CompiledAddresses,
  CompiledConditions,
  CompiledIssuer,
  CompiledSources,
} from '#core/release.ts'
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

/** All issuers of a release, by name. */
export type Issuers = ReadonlyMap<string, CompiledIssuer>

/** What a policy may refer to. */
export interface Known {
  readonly objects: ReadObjects
  readonly issuers: Issuers
}

/** Reports what the policy refers to and what is not there, and an expression that cannot be evaluated. */
export function reportAccess(spec: AccessSpec, known: Known, subject: Subject, findings: FindingList): void {
  const sources = spec.credentials ?? []
  for (const [index, source] of sources.entries()) reportIssuer(source, index, known, subject, findings)
  reportDuplicates(sources, known.issuers, subject, findings)
  for (const [index, role] of (spec.roles ?? []).entries()) {
    if (known.objects.declares('role', role)) continue
    const message = `There is no role ${role}`
    const fix = `Create the role ${role}, or name one that exists`
    findings.error(subject, { code: 'reference_unknown', pointer: `/roles/${index}`, message, fix })
  }
  if (spec.expression !== undefined) reportExpression(spec.expression, spec.public !== undefined, subject, findings)
}

function reportExpression(text: string, isPublic: boolean, subject: Subject, findings: FindingList): void {
  const compiled = compileExpression(text)
  const report = (message: string, fix: string): void =>
    findings.error(subject, { code: 'expression_invalid', pointer: '/expression', message, fix })
  if (compiled.kind === 'invalid') {
    report(`The expression cannot be used: ${compiled.why}`, 'Correct the expression')
    return
  }
  // It would be refused at each request, as what cannot be said.
  const caller = isPublic ? compiled.roots.find((root) => root !== 'request') : undefined
  if (caller === undefined) return
  report(`The expression looks at ${caller}, and on a public route nobody is known`, 'Use request only, or credentials')
}

/** Which of two sources a credential is for would be a matter of luck. */
function reportDuplicates(sources: readonly Source[], issuers: Issuers, subject: Subject, findings: FindingList): void {
  const seen = new Set<string>()
  for (const [index, source] of sources.entries()) {
    const identity = sourceIdentity(source, issuers)
    if (identity === null || !seen.has(identity)) {
      if (identity !== null) seen.add(identity)
      continue
    }
    const message =
      source.kind === 'jwt'
        ? `Tokens of ${identity.slice('jwt '.length)} are there twice`
        : `${source.kind} is there twice`
    const fix = 'Keep one of them'
    findings.error(subject, { code: 'source_duplicate', pointer: `/credentials/${index}`, message, fix })
  }
}

/** Equal for two sources that cannot be told apart by what a caller presents. */
function sourceIdentity(source: Source, issuers: Issuers): string | null {
  // A key can be looked for in several places.
  if (source.kind === 'api_key') return null
  // By what a token says of its issuer, which two objects may share. What an issuer is asked about says nothing.
  return source.kind === 'jwt' ? `jwt ${issuers.get(source.issuer)?.issuer ?? source.issuer}` : source.kind
}

function reportIssuer(
  source: Source,
  index: number,
  { objects, issuers }: Known,
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
  const issuer = issuers.get(source.issuer)
  // A broken one is reported by itself.
  if (issuer === undefined) return
  const kind = issuer.introspection === null ? 'jwt' : 'introspection'
  if (kind === source.kind) return
  const message =
    kind === 'jwt'
      ? `The issuer ${source.issuer} is not asked about tokens: it has keys`
      : `The issuer ${source.issuer} is asked about tokens: it has no keys`
  findings.error(subject, { code: 'source_mismatch', pointer, message, fix: `Use kind: ${kind}` })
}

/**
 * One issuer as it proves tokens in one thread: its rules, with its keys or the questions that it is asked.
 *
 * Kept over releases that leave the issuer as it is, so that what was proven before counts on.
 *
 * @module
 */
import type { CompiledIssuer } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { IssuerKeys, KnownKeys } from '#agent/issuers/known-keys.ts'
import { keysId, keysOfRelease } from '#agent/issuers/known-keys.ts'
import type { IssuerPort } from '#agent/issuers/link.ts'
import { createIntrospectionVerifier, type IntrospectionVerifier } from './introspection.ts'

export interface TokenIssuer {
  readonly issuer: CompiledIssuer
  /** Null: it is asked about its tokens. */
  readonly keys: IssuerKeys | null
  /** Null: its tokens are checked with its keys. */
  readonly introspection: IntrospectionVerifier | null
  /** False once a release has another issuer of this name, or none. */
  isLive: boolean
}

export interface IssuerSources {
  readonly known: KnownKeys
  readonly port: IssuerPort
  readonly clock: Clock
}

/** Refused tokens that one issuer remembers. */
const REFUSED_MAX = 10_000

/**
 * The issuers of a release.
 *
 * @param before those of the release before. The ones that have changed are marked, the others are taken over.
 */
export function followIssuers(
  environmentId: string,
  issuers: ReadonlyMap<string, CompiledIssuer>,
  before: ReadonlyMap<string, TokenIssuer>,
  sources: IssuerSources,
): ReadonlyMap<string, TokenIssuer> {
  const now = new Map<string, TokenIssuer>()
  for (const [name, issuer] of issuers) {
    const known = before.get(name)
    const isSame = known !== undefined && contentOf(known.issuer) === contentOf(issuer)
    now.set(name, isSame ? known : tokenIssuer(environmentId, issuer, sources))
  }
  for (const [name, known] of before) if (now.get(name) !== known) known.isLive = false
  return now
}

/** Where it was written does not matter. */
const contentOf = (issuer: CompiledIssuer): string => JSON.stringify({ ...issuer, origin: '' })

function tokenIssuer(environmentId: string, issuer: CompiledIssuer, sources: IssuerSources): TokenIssuer {
  const { keys } = issuer
  const id = keysId(environmentId, issuer)
  return {
    issuer,
    keys: keys === null ? null : keys.from === 'release' ? keysOfRelease(keys.jwks) : sources.known.of(id),
    introspection: keys === null ? introspectionOf(environmentId, issuer, sources) : null,
    isLive: true,
  }
}

function introspectionOf(
  environmentId: string,
  { name, rules, introspection }: CompiledIssuer,
  { port, clock }: IssuerSources,
): IntrospectionVerifier {
  return createIntrospectionVerifier({
    rules,
    cacheMs: introspection?.cacheMs ?? 0,
    tokensMax: REFUSED_MAX,
    clock,
    ask: async (token) => await port.introspect({ environmentId, issuer: name, token }),
    // Whoever asks the issuer says so.
    onUnavailable: () => {},
  })
}

/**
 * Proves credentials: the `verify` port of the decision, for all environments that one thread serves.
 *
 * What is bad by itself (a wrong signature, a name that nobody has) is a strike against its source and against what the
 * credential begins with, and what has too many is locked out; see `limits/lock-out.ts` for what that keeps away and what it does not.
 *
 * @module
 */
import type { Credential, CredentialReason, Facts, Verified } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { KnownKeys } from '#agent/issuers/known-keys.ts'
import type { IssuerPort } from '#agent/issuers/link.ts'
import type { CallerMemory } from '#agent/limits/callers.ts'
import { type LockedOut, LockOuts, type LockOutRules } from '#agent/limits/lock-out.ts'
import { SeenTable } from '#agent/limits/seen.ts'
import type { Live, LiveEnvironment } from '#agent/live-table.ts'
import { verifyApiKey } from './api-key.ts'
import { verifyCertificate } from './client-certificate.ts'
import { lockedOut, prefixLockedOut } from './denied.ts'
import { apiKeyPrefix, certificatePrefix, requestPrefix } from './prefix.ts'
import { SecretValues } from './secret-values.ts'
import { verifySignedRequest } from './signed-request.ts'
import { EnvironmentTokens } from './tokens.ts'

export interface CallersOptions {
  readonly live: Live
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly memory: CallerMemory
  readonly lockOut: LockOutRules
  readonly known: KnownKeys
  readonly issuers: IssuerPort
  /** Is told when a source or a prefix is locked out. */
  readonly onLockedOut?: (environmentId: string, what: LockedOut) => void
}

type Pending = Verified | Promise<Verified>
export type Verify = (credential: Credential, facts: Facts) => Pending

export interface Callers extends Disposable {
  /** What proves the credentials of an environment as it is. Made once for each, and kept as long as that is. */
  of(environment: LiveEnvironment): Verify
}

/**
 * A source that comes with these is not unlucky. A key that its issuer does not have is none of them: it costs a look,
 * and everybody comes with one for a moment when an issuer changes its keys without saying so before.
 */
const STRIKES: ReadonlySet<string> = new Set<CredentialReason>([
  'credential_malformed',
  'credential_unknown',
  'token_issuer_unknown',
  'token_algorithm_not_allowed',
  'token_signature_invalid',
  'token_inactive',
  'proof_invalid',
  'signature_invalid',
  'certificate_unknown',
])

export function createCallers(options: CallersOptions): Callers {
  const { live, env, clock, memory, lockOut, known, issuers: port } = options
  const monotonic = (): number => clock.monotonic()
  const lockOuts = new LockOuts(memory.strikes, lockOut, monotonic, options.onLockedOut)
  const seen = new SeenTable(memory.seen, monotonic)
  const secrets = new SecretValues(env, clock)
  const tokensOf = new Map<string, EnvironmentTokens>()

  // At once, and not with the next request: whoever misses a release would take what came back for what never went.
  const stopFollowing = live.onChange(() => {
    const environments = new Map(live.environments().map((environment) => [environment.id, environment]))
    for (const [id, tokens] of tokensOf) {
      const environment = environments.get(id)
      if (environment === undefined) tokensOf.delete(id)
      else tokens.follow(environment.release.issuers)
    }
  })

  function tokensFor({ id, release }: LiveEnvironment): EnvironmentTokens {
    let tokens = tokensOf.get(id)
    if (tokens === undefined) {
      tokens = new EnvironmentTokens({ environmentId: id, issuers: { known, port, clock }, lockOuts, seen })
      tokens.follow(release.issuers)
      tokensOf.set(id, tokens)
    }
    return tokens
  }

  return {
    of: (environment) => {
      const { id, directory } = environment
      const tokens = tokensFor(environment)
      const signed = { environmentId: id, secrets, seen, lockOuts }

      const prefixOf = (credential: Credential, facts: Facts): string | null => {
        switch (credential.kind) {
          case 'api_key':
            return apiKeyPrefix(credential)
          case 'token':
            return tokens.prefixOf(credential)
          case 'mtls':
            return certificatePrefix(credential)
          case 'signature':
            return requestPrefix(facts)
        }
      }

      const counted = (verified: Verified, credential: Credential, facts: Facts): Verified => {
        if (verified.kind === 'proven' || !STRIKES.has(verified.reason)) return verified
        const leftMs = lockOuts.strike(id, facts.address)
        if (leftMs > 0) return lockedOut(leftMs)
        // Found again rather than carried along: so few are struck that the others should not pay for it.
        const prefix = prefixOf(credential, facts)
        const prefixLeftMs = prefix === null ? 0 : lockOuts.strikePrefix(id, prefix)
        return prefixLeftMs > 0 ? prefixLockedOut(prefixLeftMs) : verified
      }
      const whenVerified = async (
        verified: Promise<Verified>,
        credential: Credential,
        facts: Facts,
      ): Promise<Verified> => counted(await verified, credential, facts)

      const verifySigned = (credential: Extract<Credential, { kind: 'signature' }>, facts: Facts): Pending => {
        const leftMs = lockOuts.lockedMs(id, facts.address)
        if (leftMs > 0) return lockedOut(leftMs)
        return verifySignedRequest(signed, directory, credential, facts, clock.now())
      }
      const verify: Verify = (credential, facts) => {
        switch (credential.kind) {
          case 'api_key':
            return verifyApiKey(directory, credential, facts, clock.now())
          case 'token':
            return tokens.verify({ directory, credential, facts, nowMs: clock.now() })
          case 'mtls':
            return verifyCertificate(directory, credential, facts, clock.now())
          case 'signature':
            return verifySigned(credential, facts)
        }
      }
      return (credential, facts) => {
        const verified = verify(credential, facts)
        return verified instanceof Promise
          ? whenVerified(verified, credential, facts)
          : counted(verified, credential, facts)
      }
    },
    [Symbol.dispose]: stopFollowing,
  }
}

/**
 * Keeps at hand what services want from the agent, for all threads: the only one in the agent who reads their secrets
 * and asks for their tokens.
 *
 * Follows the live releases. What stays the same in a new release is not read or asked for again.
 *
 * @module
 */
import type { CompiledAuthentication } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Live } from '#agent/live-table.ts'
import { followSecret } from './follow-secret.ts'
import { followToken } from './follow-token.ts'
import { credentialId, type ServiceSecret } from './service-secrets.ts'

export interface CredentialKeeperOptions {
  readonly live: Live
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
  /** Told of every credential, whenever it changes. */
  readonly tell: (secret: ServiceSecret) => void
}

/** What follows one credential. */
export interface FollowOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  /** Bound to who wants it. */
  readonly log: Log
  readonly signal: AbortSignal
  /** Called with each new value of the field; null: there is none any more. */
  readonly tell: (value: string | null) => void
}

/** Its disposal ends everything; what was told stays good. */
export function keepCredentials({ live, env, clock, log, tell }: CredentialKeeperOptions): AsyncDisposable {
  const kept = new Map<string, { readonly stop: AbortController; readonly running: Promise<void> }>()
  const ending = new Set<Promise<void>>()

  function start(id: string, service: string, authentication: CompiledAuthentication): void {
    const stop = new AbortController()
    const { signal } = stop
    const options: FollowOptions = {
      env,
      clock,
      signal,
      log: log.child({ service }),
      tell: (value) => {
        if (!signal.aborted) tell({ kind: 'credential', id, value })
      },
    }
    const running =
      authentication.kind === 'oauth' ? followToken(authentication, options) : followSecret(authentication, options)
    kept.set(id, { stop, running })
  }

  function end(id: string): void {
    const gone = kept.get(id)
    if (gone === undefined) return
    kept.delete(id)
    gone.stop.abort()
    const ended = gone.running.finally(() => ending.delete(ended))
    ending.add(ended)
  }

  function follow(): void {
    const wanted = new Map<string, readonly [service: string, authentication: CompiledAuthentication]>()
    for (const { id, release } of live.environments()) {
      for (const { name, authentication } of release.services.values()) {
        if (authentication !== null) wanted.set(credentialId(id, authentication), [name, authentication])
      }
    }
    for (const id of kept.keys()) {
      if (wanted.has(id)) continue
      end(id)
      tell({ kind: 'credential', id, value: undefined })
    }
    for (const [id, [service, authentication]] of wanted) if (!kept.has(id)) start(id, service, authentication)
  }

  const stopFollowing = live.onChange(follow)
  follow()

  return {
    [Symbol.asyncDispose]: async () => {
      stopFollowing()
      for (const id of kept.keys()) end(id)
      await Promise.all(ending)
    },
  }
}

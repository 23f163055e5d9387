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
  /** Called with what is wrong at the moment, for people; null: nothing. */
  readonly report: (problem: string | null) => void
}

/** How it stands with one credential, for people. Holds no secret. */
export interface CredentialStatus {
  readonly environmentId: string
  /** Names. */
  readonly services: readonly string[]
  readonly kind: CompiledAuthentication['kind']
  readonly state: 'awaited' | 'there' | 'missing'
  /** Why it could not be had the last time; null: it could. */
  readonly problem: string | null
}

export interface CredentialKeeper extends AsyncDisposable {
  status(): readonly CredentialStatus[]
}

/** Who wants a credential. */
interface Wanted {
  readonly environmentId: string
  readonly services: string[]
  readonly authentication: CompiledAuthentication
}

interface Kept {
  wanted: Wanted
  readonly stop: AbortController
  readonly running: Promise<void>
  readonly now: { state: CredentialStatus['state']; problem: string | null }
}

/** Its disposal ends everything; what was told stays good. */
export function keepCredentials({ live, env, clock, log, tell }: CredentialKeeperOptions): CredentialKeeper {
  const kept = new Map<string, Kept>()
  const ending = new Set<Promise<void>>()

  function start(id: string, wanted: Wanted): void {
    const { services, authentication } = wanted
    const stop = new AbortController()
    const { signal } = stop
    const now: Kept['now'] = { state: 'awaited', problem: null }
    const options: FollowOptions = {
      env,
      clock,
      signal,
      log: log.child({ service: services[0] }),
      tell: (value) => {
        if (signal.aborted) return
        now.state = value === null ? 'missing' : 'there'
        tell({ kind: 'credential', id, value })
      },
      report: (problem) => void (now.problem = problem),
    }
    const following =
      authentication.kind === 'oauth' ? followToken(authentication, options) : followSecret(authentication, options)
    // Whatever goes wrong with one credential is not to end the others.
    const running = following.catch((error: unknown) => {
      log.error({ service: services[0], err: error }, 'a credential is not followed any more: a bug')
    })
    kept.set(id, { wanted, stop, running, now })
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
    const all = new Map<string, Wanted>()
    for (const { id: environmentId, release } of live.environments()) {
      for (const { name, authentication } of release.services.values()) {
        if (authentication === null) continue
        const id = credentialId(environmentId, authentication)
        const wanted = all.get(id)
        if (wanted === undefined) all.set(id, { environmentId, services: [name], authentication })
        else wanted.services.push(name)
      }
    }
    for (const id of kept.keys()) {
      if (all.has(id)) continue
      end(id)
      tell({ kind: 'credential', id, value: undefined })
    }
    for (const [id, wanted] of all) {
      const known = kept.get(id)
      if (known === undefined) start(id, wanted)
      else known.wanted = wanted
    }
  }

  const stopFollowing = live.onChange(follow)
  follow()

  return {
    status: () =>
      Array.from(kept.values(), ({ wanted: { environmentId, services, authentication }, now }) => ({
        environmentId,
        services,
        kind: authentication.kind,
        ...now,
      })),
    [Symbol.asyncDispose]: async () => {
      stopFollowing()
      for (const id of kept.keys()) end(id)
      await Promise.all(ending)
    },
  }
}

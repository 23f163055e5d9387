/**
 * The loop that keeps the link: enroll when there is no identity, stream while there is one, wait between attempts.
 *
 * Whatever ends a stream, what is live stays live. What only a person can repair is said once, with what to do, and
 * tried again slowly.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import { type Hello, HelloSchema } from '@headgate/proto'
import { hostname } from 'node:os'
import type { Applier } from './apply.ts'
import { type Backoff, createBackoff } from './backoff.ts'
import { enroll, hashJoinToken } from './enroll.ts'
import { certificateEndsAtMs } from './identity.ts'
import type { IdentityKeeper } from './keeper.ts'
import type { Link } from './link.ts'
import { type StreamEnd, subscribe } from './subscribe.ts'
import { CAPABILITY } from './verify.ts'

const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 5_000

/** Pause after a denial, in milliseconds: somebody has to do something first. */
const DENIED_MS = 30_000

/** `waiting`: there is neither an identity nor a join token. `denied`: somebody has to do something. */
export type LinkState = 'waiting' | 'enrolling' | 'connecting' | 'connected' | 'denied'

/** Changed in place by the loop. */
export interface LinkReport {
  state: LinkState
  /** What is wrong and what to do about it; empty while connected. */
  problem: string
  /** When the control plane was heard last, in milliseconds since 1970-01-01 UTC; null: never since the start. */
  heardAtMs: number | null
}

interface ConnectOptions {
  readonly joinToken: string | undefined
  readonly agentName: string | undefined
  readonly version: string
  readonly listeners: () => readonly string[]
  readonly keeper: IdentityKeeper
  readonly applier: Applier
  readonly report: LinkReport
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/** Runs until the signal, or until there is nothing to try. Never rejects. */
export async function keepConnected(options: ConnectOptions): Promise<void> {
  const { keeper, clock, signal } = options
  const backoff = createBackoff(RETRY_MS_MIN, RETRY_MS_MAX)
  while (!signal.aborted) {
    const link = keeper.link()
    const joinToken = freshJoinToken(options)
    if (link === null && joinToken === undefined) {
      tell(options, 'waiting', 'there is no identity and no join token; make one with: headgate agents invite')
      return
    }
    const waitMs =
      link !== null
        ? await streamOnce(options, link, backoff)
        : // Holds by the condition above.
          await enrollOnce(options, joinToken ?? '', backoff)
    if (waitMs > 0) await clock.sleep(waitMs, signal).catch(() => {})
  }
}

/** The join token, unless it is the one that the present identity came from. */
function freshJoinToken({ joinToken, keeper }: ConnectOptions): string | undefined {
  if (joinToken === undefined || keeper.identity()?.joinTokenHash === hashJoinToken(joinToken)) return undefined
  return joinToken
}

/** @returns how long to wait before the next attempt, in milliseconds. */
async function enrollOnce(options: ConnectOptions, joinToken: string, backoff: Backoff): Promise<number> {
  const { keeper, clock, log, signal, version } = options
  options.report.state = 'enrolling'
  const name = options.agentName ?? hostname()
  const answer = await enroll({ joinToken, name, version, clock, signal })
  if (signal.aborted) return 0
  switch (answer.kind) {
    case 'ok': {
      const { agentId, agentName, agentGroup } = answer.identity
      await keeper.take(answer.identity)
      backoff.reset()
      log.info({ agent_id: agentId, agent: agentName, group: agentGroup }, 'enrolled')
      return 0
    }
    case 'denied':
      tell(options, 'denied', `enrollment: ${answer.problem}; make a new join token with: headgate agents invite`)
      return DENIED_MS
    case 'failed':
      tell(options, 'enrolling', `enrollment: ${answer.problem}`)
      return backoff.next()
  }
}

/** @returns how long to wait before the next attempt, in milliseconds. */
async function streamOnce(options: ConnectOptions, link: Link, backoff: Backoff): Promise<number> {
  const { applier, clock, keeper, report, signal } = options
  if (report.state === 'waiting' || report.state === 'enrolling') report.state = 'connecting'
  const end = await subscribe({
    link,
    hello: hello(options),
    applier,
    clock,
    signal: AbortSignal.any([signal, keeper.changed()]),
    onHeard: () => {
      report.heardAtMs = clock.now()
      if (report.state !== 'connected') tell(options, 'connected', '')
    },
  })
  if (end.wasOpen) backoff.reset()
  return signal.aborted ? 0 : afterStream(options, end, backoff)
}

async function afterStream(options: ConnectOptions, end: StreamEnd, backoff: Backoff): Promise<number> {
  switch (end.code) {
    // The identity is a new one: connect with it.
    case status.CANCELLED:
      return 0
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED: {
      const joinToken = freshJoinToken(options)
      if (joinToken !== undefined) return enrollOnce(options, joinToken, backoff)
      const advice =
        'serving goes on with what is known; to join again, start with a token from: headgate agents invite'
      tell(options, 'denied', `${expiry(options) ?? end.details}; ${advice}`)
      return DENIED_MS
    }
    // Two processes with one identity would throw each other out without a pause.
    case status.RESOURCE_EXHAUSTED:
      tell(options, 'connecting', end.details)
      return RETRY_MS_MAX
    default:
      tell(options, 'connecting', end.details)
      return backoff.next()
  }
}

/** The control plane sees an expired certificate as none. @returns null when it has not expired. */
function expiry({ keeper, clock }: ConnectOptions): string | null {
  const identity = keeper.identity()
  if (identity === null) return null
  const endsAtMs = certificateEndsAtMs(identity)
  return endsAtMs < clock.now() ? `the agent's certificate expired at ${new Date(endsAtMs).toISOString()}` : null
}

function hello({ applier, listeners, version }: ConnectOptions): Hello {
  return create(HelloSchema, {
    capability: CAPABILITY,
    version,
    held: [...applier.held()],
    listeners: [...listeners()],
  })
}

/** Logs a problem when it begins and when it ends, and not with every attempt. */
function tell({ report, log }: ConnectOptions, state: LinkState, problem: string): void {
  if (problem !== '' && problem !== report.problem) log.warn({ state, why: problem }, 'no link to the control plane')
  if (state === 'connected') log.info('linked to the control plane')
  report.state = state
  report.problem = problem
}

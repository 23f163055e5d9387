/**
 * Notes what became of every request: always in the counters, and as a record when it is one to keep.
 *
 * Refusals and errors are always kept, allowed requests up to a number a second, so that a busy agent does not spend
 * its time on telling how well it goes. What is kept goes into the queue of every receiver.
 *
 * @module
 */
import { type Decision, type Facts, type Reason, reasons, refuse } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Exchange, Forwarded } from '#agent/http/exchange.ts'
import type { Live, LiveEnvironment } from '#agent/live-table.ts'
import type { DecisionRecord } from './events.ts'
import type { Slots } from './metrics.ts'
import { wentWell } from './queue.ts'
import { decisionRecord, type RecordInput } from './record.ts'

export interface Recorder {
  /** A request goes on to its service. */
  allowed(decision: Decision, environment: LiveEnvironment, facts: Facts, nowMs: number): void
  refused(
    exchange: Exchange,
    id: string,
    decision: Decision,
    environment: LiveEnvironment | null,
    facts: Facts | null,
  ): void
  forwarded(
    exchange: Exchange,
    id: string,
    decision: Decision,
    environment: LiveEnvironment,
    facts: Facts,
    forwarded: Forwarded,
  ): void
}

export interface RecorderOptions {
  readonly slots: Slots
  readonly live: Live
  readonly clock: Clock
  /** Name of the agent. */
  readonly agent: () => string
  /** Allowed requests per second that are kept. */
  readonly allowedPerS: number
  /** Takes a record for all receivers. */
  readonly keep: (record: DecisionRecord) => void
}

/** Status of a request whose caller left before it was answered; nginx's word for it, as nothing was sent. */
const STATUS_CLIENT_LEFT = 499

export function createRecorder(options: RecorderOptions): Recorder {
  const { slots, live, clock, agent, allowedPerS, keep } = options
  let second = 0
  let keptInSecond = 0

  function keepsAllowed(nowMs: number): boolean {
    const now = Math.floor(nowMs / 1000)
    if (now !== second) {
      second = now
      keptInSecond = 0
    }
    keptInSecond += 1
    return keptInSecond <= allowedPerS
  }

  function note(
    exchange: Exchange,
    requestId: string,
    decision: Decision,
    environment: LiveEnvironment | null,
    facts: Facts | null,
    status: number,
    forwarded: Forwarded | null,
  ): void {
    const monotonicMs = clock.monotonic()
    const durationMs = monotonicMs - exchange.startedMs
    slots.count(environment?.id ?? '', decision.route ?? '', decision.reason, status, durationMs)
    if (wentWell(decision.outcome, status) && !keepsAllowed(monotonicMs)) return
    const { head, tls } = exchange
    const atMs = clock.now() - durationMs
    const input: RecordInput = {
      requestId,
      atMs,
      durationMs,
      agent: agent(),
      environment,
      head,
      facts,
      tls,
      decision,
      status,
      forwarded,
    }
    keep(decisionRecord(input))
  }

  /** Notes what a refusal says about a credential: it is in use all the same, or it was bait. */
  function noteCredential(
    id: string,
    { principal, reason }: Decision,
    environment: LiveEnvironment,
    facts: Facts,
  ): void {
    if (principal === null || reason === 'allowed') return
    const [nowMs, { address }] = [clock.now(), facts]
    if (principal.decoy === true) {
      const { credentialId } = principal
      slots.credentials.baited({ environmentId: environment.id, credentialId, address, atMs: nowMs, requestId: id })
    } else if (isProven(reason)) slots.credentials.used(environment.id, principal, address, nowMs)
  }

  return {
    allowed: ({ principal }, environment, facts, nowMs) => {
      if (principal !== null) slots.credentials.used(environment.id, principal, facts.address, nowMs)
    },
    refused: (exchange, id, decision, environment, facts) => {
      if (environment !== null && facts !== null) noteCredential(id, decision, environment, facts)
      // A request without a readable host belongs to nobody, unless there is only one it can belong to.
      const all = live.environments()
      const owner = environment ?? (all.length === 1 ? (all[0] ?? null) : null)
      note(exchange, id, decision, owner, facts, decision.status, null)
    },
    forwarded: (exchange, id, decision, environment, facts, forwarded) => {
      switch (forwarded.kind) {
        case 'answered':
          note(exchange, id, decision, environment, facts, forwarded.status, forwarded)
          break
        case 'abandoned':
          note(exchange, id, decision, environment, facts, STATUS_CLIENT_LEFT, forwarded)
          break
        case 'broken': {
          const broken = refuse('upstream_failed', decision)
          note(exchange, id, broken, environment, facts, forwarded.status, forwarded)
          break
        }
        case 'withdrawn': {
          const withdrawn = refuse(forwarded.reason, decision)
          const status = forwarded.status === 0 ? withdrawn.status : forwarded.status
          slots.countEvent('stream_ended', environment.id, forwarded.reason)
          note(exchange, id, withdrawn, environment, facts, status, forwarded)
          break
        }
        case 'failed': {
          const failed = refuse(forwarded.reason, decision)
          note(exchange, id, failed, environment, facts, failed.status, forwarded)
          break
        }
      }
    },
  }
}

/** Whether a request was refused although its credential is good. */
function isProven(reason: Reason): boolean {
  const isOfCredential =
    reason === 'consumer_disabled' || reason === 'consumer_unknown' || reason === 'address_not_allowed'
  return reasons[reason].gate !== 'identity' && !isOfCredential
}

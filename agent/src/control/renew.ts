/**
 * Keeps the certificate young: a new one at two thirds of its life, for as long as the control plane gives one.
 *
 * A refusal or an outage changes nothing about serving; it is tried again until the end of the certificate and after.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { Metadata } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import { createCertificateRequest } from '@headgate/kit/pki.ts'
import { RenewRequestSchema, type RenewResponse } from '@headgate/proto'
import { createBackoff } from './backoff.ts'
import { type IdentityAnswer, answerOf, failureOf } from './enroll.ts'
import { type Identity, certificateEndsAtMs } from './identity.ts'
import type { IdentityKeeper } from './keeper.ts'
import { type Link, fleetClient } from './link.ts'

/** Share of its life after which a certificate is renewed, less up to `JITTER`: not all agents of a start at once. */
const RENEW_AT = 2 / 3
const JITTER = 0.05

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 60_000

/** Longest sleep until a renewal, in milliseconds: the wall clock may be set meanwhile. */
const SLEEP_MS_MAX = 30_000

interface RenewOptions {
  readonly keeper: IdentityKeeper
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

/** Runs until the signal. Never rejects. */
export async function keepRenewing({ keeper, clock, log, signal }: RenewOptions): Promise<void> {
  const backoff = createBackoff(RETRY_MS_MIN, RETRY_MS_MAX)
  const share = RENEW_AT - Math.random() * JITTER
  while (!signal.aborted) {
    const [identity, link] = [keeper.identity(), keeper.link()]
    const dueMs = identity === null || link === null ? SLEEP_MS_MAX : dueAtMs(identity, share) - clock.now()
    if (identity === null || link === null || dueMs > 0) {
      // A new identity comes with a new date.
      const wakeUp = AbortSignal.any([signal, keeper.changed()])
      await clock.sleep(Math.min(dueMs, SLEEP_MS_MAX), wakeUp).catch(() => {})
      continue
    }
    const answer = await renew(identity, link, clock, signal)
    if (signal.aborted) return
    const fields = { agent_id: identity.agentId, ends_at: endOf(answer.kind === 'ok' ? answer.identity : identity) }
    if (answer.kind === 'ok') {
      backoff.reset()
      await keeper.take(answer.identity)
      log.info(fields, 'certificate renewed')
    } else {
      log.warn({ ...fields, why: answer.problem }, 'could not renew the certificate')
      const pauseMs = answer.kind === 'denied' ? RETRY_MS_MAX : backoff.next()
      await clock.sleep(pauseMs, AbortSignal.any([signal, keeper.changed()])).catch(() => {})
    }
  }
}

/** The next certificate for the same key: what is sealed with it on disk stays readable. */
async function renew(identity: Identity, link: Link, clock: Clock, signal: AbortSignal): Promise<IdentityAnswer> {
  try {
    const certificateRequest = await createCertificateRequest(identity.privateKey)
    const client = fleetClient(link)
    const response = await answerOf<RenewResponse>(client, { clock, signal }, (options, done) =>
      client.renew(create(RenewRequestSchema, { certificateRequest }), new Metadata(), options, done),
    )
    // The authority stays the one that the join token named: whoever answers here was verified by it.
    const certificate = new Uint8Array(response.certificate)
    const next = { ...identity, certificate, certifiedAtMs: clock.now(), signingKeys: response.signingKeys }
    return { kind: 'ok', identity: next }
  } catch (error) {
    return failureOf(error)
  }
}

function dueAtMs(identity: Identity, share: number): number {
  return identity.certifiedAtMs + (certificateEndsAtMs(identity) - identity.certifiedAtMs) * share
}

function endOf(identity: Identity): string {
  return new Date(certificateEndsAtMs(identity)).toISOString()
}

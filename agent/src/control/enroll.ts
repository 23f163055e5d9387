/**
 * Becomes an agent: makes a key, proves the join token, and is given a certificate for the key.
 *
 * The private key never leaves this machine; the token's secret is sent only over a connection whose other end has
 * proven the authority that the token names.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { type ClientUnaryCall, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import { createCertificateRequest, createPrivateKeyDer } from '@headgate/kit/pki.ts'
import { errorText } from '@headgate/kit/errors.ts'
import { EnrollRequestSchema, type EnrollResponse } from '@headgate/proto'
import { createHash } from 'node:crypto'
import type { Identity } from './identity.ts'
import { readJoinToken } from './join-token.ts'
import { enrollmentClient, fetchAuthority } from './link.ts'

/** Longest wait for an answer, in milliseconds. */
const CALL_MS_MAX = 15_000

/** `denied`: trying again will not help; somebody has to do something. `failed`: it may work later. */
export type IdentityAnswer =
  | { readonly kind: 'ok'; readonly identity: Identity }
  | { readonly kind: 'denied'; readonly problem: string }
  | { readonly kind: 'failed'; readonly problem: string }

interface EnrollOptions {
  readonly joinToken: string
  /** Name to ask for; may come back with a suffix. */
  readonly name: string
  readonly version: string
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** How a used token is remembered. */
export function hashJoinToken(joinToken: string): string {
  return createHash('sha256').update(joinToken.trim()).digest('hex')
}

export async function enroll({ joinToken, name, version, clock, signal }: EnrollOptions): Promise<IdentityAnswer> {
  const read = readJoinToken(joinToken)
  if (read.kind === 'invalid') return { kind: 'denied', problem: read.problem }
  const { address, pin, secret } = read.joinToken
  try {
    const caCertificate = await fetchAuthority(address, pin, signal)
    if (caCertificate === null) {
      const problem = `what answers at ${address} does not belong to the control plane of the join token`
      return { kind: 'denied', problem }
    }
    const privateKey = await createPrivateKeyDer()
    const certificateRequest = await createCertificateRequest(privateKey)
    const request = create(EnrollRequestSchema, { joinSecret: secret, certificateRequest, name, version })
    const client = enrollmentClient(address, caCertificate)
    const response = await answerOf<EnrollResponse>(client, { clock, signal }, (options, done) =>
      client.enroll(request, new Metadata(), options, done),
    )
    const { agentId, agentName, agentGroup, signingKeys } = response
    const certificate = new Uint8Array(response.certificate)
    const said = { agentId, agentName, agentGroup, certificate, signingKeys }
    const ours = {
      address,
      caCertificate,
      privateKey,
      certifiedAtMs: clock.now(),
      joinTokenHash: hashJoinToken(joinToken),
    }
    return { kind: 'ok', identity: { ...said, ...ours } }
  } catch (error) {
    return failureOf(error)
  }
}

/**
 * Waits for the answer of one call; the client is closed after it.
 *
 * @throws ServiceError as the control plane sent it, or an Error when the signal fires first.
 */
export async function answerOf<T>(
  client: { close(): void },
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
  start: (options: { deadline: number }, done: (error: ServiceError | null, response?: T) => void) => ClientUnaryCall,
): Promise<T> {
  const answer = Promise.withResolvers<T>()
  // A deadline of grpc-js is a time of the wall clock.
  const call = start({ deadline: clock.now() + CALL_MS_MAX }, (error, response) => {
    if (error !== null) answer.reject(error)
    else if (response === undefined) answer.reject(new Error('the answer is empty'))
    else answer.resolve(response)
  })
  const onAbort = (): void => call.cancel()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await answer.promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    client.close()
  }
}

/** Statuses that say that this agent, as it is, is not wanted. */
const DENIALS: readonly (status | undefined)[] = [
  status.UNAUTHENTICATED,
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
]

/** What a failed call means for the identity. */
export function failureOf(error: unknown): IdentityAnswer {
  const { code, details } = error as Partial<ServiceError>
  return { kind: DENIALS.includes(code) ? 'denied' : 'failed', problem: details ?? errorText(error) }
}

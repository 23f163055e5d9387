/**
 * What the main thread and a serving thread say to each other.
 *
 * Messages arrive in the order in which they were sent. The memory of directories goes another way, which a look-up
 * can read at once: `directory/hand-over.ts`.
 *
 * @module
 */
import type { MessagePort } from 'node:worker_threads'
import type { CompiledRelease } from '@headgate/core'
import type { AgentSettings } from '#agent/config.ts'
import type { PublishedKeys } from '#agent/issuers/known-keys.ts'
import type { IssuerAnswer, IssuerQuestion } from '#agent/issuers/link.ts'
import type { CallerMemory } from '#agent/limits/callers.ts'
import type { LocalMemory } from '#agent/limits/memory.ts'
import type { SharedLimitMemory } from '#agent/limits/shared/memory.ts'
import type { AdmissionSeat } from '#agent/listen/admission.ts'
import type { CertificateProblem } from '#agent/listen/certificates.ts'
import type { TicketSecrets } from '#agent/listen/ticket-keys.ts'
import type { ThreadLoadState } from '#agent/pipeline/thread-load.ts'
import type { DecisionRecord } from '#agent/telemetry/events.ts'
import type { CounterDelta } from '#agent/telemetry/totals.ts'
import type { Piece } from './pieces.ts'
import type { ServiceSecret } from '#agent/upstream/credentials/service-secrets.ts'
import type { ServiceState } from '#agent/upstream/state.ts'

/** What a serving thread begins with. */
export interface ThreadData {
  readonly kind: 'serving thread'
  /** Its number, from 1. A thread that takes the place of another has the same. */
  readonly worker: number
  /** With this thread's share of everything that is bounded for the whole process. */
  readonly settings: AgentSettings
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly agentName: string
  readonly ticketSecrets: TicketSecrets
  readonly limitMemory: LocalMemory
  readonly sharedMemory: SharedLimitMemory
  /** What it holds of limits, for whoever outlives it; of no other thread. */
  readonly holdings: SharedArrayBuffer
  readonly callerMemory: CallerMemory
  /** Where it counts what sources have open; of no other thread. */
  readonly admissionSeat: AdmissionSeat
  /** Brings the memory of directories. */
  readonly memories: MessagePort
  /** Beats of the thread's event loop. */
  readonly beat: Int32Array
  /** What the thread has opened past Node.js. */
  readonly descriptors: Int32Array
  /** What the clock of the process counts from, in nanoseconds of the machine's monotonic clock. */
  readonly clockOriginNs: bigint
}

/** What a thread needs of a live environment; its directory comes by the other way. */
export interface EnvironmentMessage {
  readonly id: string
  readonly release: CompiledRelease
  readonly number: number
}

/** What is said in more than one message, one after the answer to the other. */
export interface EnvironmentOrder {
  readonly kind: 'environment'
  /** Of an `EnvironmentMessage`. */
  readonly pieces: readonly Piece[]
}

/** Where to take requests. */
export type ListenAddresses = Pick<AgentSettings, 'httpListen' | 'httpsListen' | 'h2cListen'>

/** Where requests are taken. Null where it is off. */
export interface Listening {
  readonly httpUrl: string | null
  readonly httpsUrl: string | null
  readonly h2cUrl: string | null
}

export type ToThread =
  /** A part of an `EnvironmentMessage`, which acts with the last one. Answered with `next`. */
  | { readonly kind: 'piece'; readonly piece: Piece; readonly last: boolean }
  | { readonly kind: 'drop'; readonly environmentId: string }
  | { readonly kind: 'agent name'; readonly name: string }
  | { readonly kind: 'ticket secret'; readonly secret: Uint8Array }
  | { readonly kind: 'service secret'; readonly secret: ServiceSecret }
  | { readonly kind: 'issuer keys'; readonly keys: PublishedKeys }
  | { readonly kind: 'issuer answer'; readonly number: number; readonly answer: IssuerAnswer }
  /** Begin to take requests. `reusePort`: others listen on the same addresses. */
  | { readonly kind: 'listen'; readonly addresses: ListenAddresses; readonly reusePort: boolean }
  /** Answered once everything before it has taken effect, with counters and records up to then. */
  | { readonly kind: 'sync'; readonly id: number }
  /** So many batches of records have arrived. */
  | { readonly kind: 'took'; readonly batches: number }
  /** Take no new connections, finish what is being worked on, say everything, end. */
  | { readonly kind: 'drain' }

export type FromThread =
  | { readonly kind: 'listening'; readonly listening: Listening }
  | { readonly kind: 'not listening'; readonly why: string }
  | { readonly kind: 'next' }
  | { readonly kind: 'synced'; readonly id: number }
  /** Answered with `issuer answer` and the same number. */
  | { readonly kind: 'issuer question'; readonly number: number; readonly question: IssuerQuestion }
  | { readonly kind: 'records'; readonly records: readonly DecisionRecord[] }
  | { readonly kind: 'report'; readonly report: ThreadReport }
  /** It has said everything. */
  | { readonly kind: 'drained' }

/** What a thread says of itself from time to time. */
export interface ThreadReport {
  readonly counters: CounterDelta
  readonly connections: number
  /** Null: it does not serve yet. */
  readonly load: ThreadLoadState | null
  readonly certificatesUnusable: readonly CertificateProblem[]
  readonly certificatesOutdated: readonly CertificateProblem[]
  /** Null: as it said before. */
  readonly services: readonly ServiceState[] | null
  /** Records that were given up here, since the last report. */
  readonly dropped: { readonly allowed: number; readonly refused: number }
}

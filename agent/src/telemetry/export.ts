/**
 * Everything that leaves the agent as telemetry: to the control plane with the agent's identity, and to an operator's
 * collector if there is one.
 *
 * Records are kept from the first request on. What sends them (`receivers.ts` and the libraries below it) is large, and
 * is loaded once requests are taken.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import { CredentialNotes } from './credential-notes.ts'
import type { DecisionRecord } from './events.ts'
import type { ControlLink } from './exporters.ts'
import type { Gauges } from './points.ts'
import { createRecordQueue } from './queue.ts'
import type { Receivers } from './receivers.ts'
import type { Counters } from './totals.ts'

export interface TelemetrySettings {
  readonly otlpEndpoint: string | undefined
  readonly otlpProtocol: 'grpc' | 'http/protobuf'
  readonly logsIntervalMs: number
  readonly metricsIntervalMs: number
  readonly recordsMax: number
}

export interface TelemetryOptions {
  readonly settings: TelemetrySettings
  readonly counters: Counters
  readonly gauges: () => Omit<Gauges, 'dropped'>
  /** Records that were given up before they came here. */
  readonly droppedBefore: () => { readonly allowed: number; readonly refused: number }
  /** Resolves when requests are taken. */
  readonly serving: Promise<void>
  /** Name of the agent. */
  readonly agent: () => string
  readonly version: string
  readonly clock: Clock
  readonly log: Log
}

export interface Telemetry {
  /** Takes a record for all receivers. */
  keep(record: DecisionRecord): void
  /** Sends to this control plane from now on, with this identity; null: keeps everything for later. */
  useControlPlane(link: ControlLink | null): void
  /** Records that were given up. */
  dropped(): Gauges['dropped']
  /** Sends what is there, then ends. Gives up after the time. */
  close(longestMs: number): Promise<void>
}

export function createTelemetry(options: TelemetryOptions): Telemetry {
  const { settings, clock, log, serving } = options
  const startMs = clock.now()
  const names = settings.otlpEndpoint === undefined ? ['control_plane'] : ['control_plane', 'collector']
  const queues = new Map(names.map((name) => [name, createRecordQueue(settings.recordsMax)]))
  const notes = new Map(names.map((name) => [name, new CredentialNotes()]))
  let link: ControlLink | null = null
  let receivers: Receivers | null = null

  const dropped = (): Gauges['dropped'] => {
    const before = options.droppedBefore()
    // What is lost on the way is lost for every receiver.
    return Array.from(queues).flatMap(([receiver, queue]) => [
      { receiver, kind: 'allowed', count: queue.dropped.allowed + before.allowed },
      { receiver, kind: 'refused', count: queue.dropped.refused + before.refused },
      { receiver, kind: 'credential', count: notes.get(receiver)?.dropped ?? 0 },
    ])
  }

  async function load(): Promise<void> {
    await serving
    const { createReceivers } = await import('./receivers.ts')
    const gauges = (): Gauges => ({ ...options.gauges(), dropped: dropped() })
    receivers = createReceivers({ ...options, gauges, queues, notes, startMs })
    receivers.useControlPlane(link)
  }
  const loaded = load().catch((thrown: unknown) => log.error({ err: thrown }, 'telemetry cannot be sent'))

  return {
    keep: (record) => {
      for (const queue of queues.values()) queue.push(record)
    },
    useControlPlane: (next) => {
      link = next
      receivers?.useControlPlane(link)
    },
    dropped,
    close: async (longestMs) => {
      await loaded
      await receivers?.close(longestMs)
    },
  }
}

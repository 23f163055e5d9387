/**
 * Everything that leaves the agent as telemetry: to the control plane with the agent's identity, and to an operator's
 * collector if there is one.
 *
 * @module
 */
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { DecisionRecord } from './events.ts'
import { collectorExporters, type ControlLink, controlPlaneExporters } from './exporters.ts'
import { createCollector, type Gauges } from './points.ts'
import { createRecordQueue } from './queue.ts'
import { createReceiver, type Receiver } from './receiver.ts'
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
  const { settings, counters, agent, version, clock, log } = options
  const { otlpEndpoint, otlpProtocol, recordsMax, logsIntervalMs, metricsIntervalMs } = settings
  const startMs = clock.now()

  const dropped = (): Gauges['dropped'] => {
    const before = options.droppedBefore()
    // What is lost on the way is lost for every receiver.
    return receivers.flatMap(({ name, queue }) => [
      { receiver: name, kind: 'allowed', count: queue.dropped.allowed + before.allowed },
      { receiver: name, kind: 'refused', count: queue.dropped.refused + before.refused },
    ])
  }
  const gauges = (): Gauges => ({ ...options.gauges(), dropped: dropped() })
  const resource = (): ReturnType<typeof resourceFromAttributes> =>
    resourceFromAttributes({
      'service.name': 'headgate-agent',
      'service.version': version,
      'service.instance.id': agent(),
    })

  function receiver(name: string, temporality: 'delta' | 'cumulative'): Receiver {
    return createReceiver({
      name,
      queue: createRecordQueue(recordsMax),
      collector: createCollector(counters, temporality, startMs),
      gauges,
      resource,
      logsIntervalMs,
      metricsIntervalMs,
      clock,
      log,
    })
  }

  const controlPlane = receiver('control_plane', 'delta')
  const receivers = [controlPlane]
  if (otlpEndpoint !== undefined) {
    const collector = receiver('collector', 'cumulative')
    collector.use(collectorExporters(otlpEndpoint, otlpProtocol))
    receivers.push(collector)
  }

  return {
    keep: (record) => {
      for (const { queue } of receivers) queue.push(record)
    },
    useControlPlane: (link) => controlPlane.use(link === null ? null : controlPlaneExporters(link)),
    dropped,
    close: async (longestMs) => {
      await Promise.all(receivers.map((each) => each.close(longestMs)))
    },
  }
}

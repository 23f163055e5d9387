/**
 * Who is sent telemetry: the control plane, and an operator's collector if there is one.
 *
 * @module
 */
import { resourceFromAttributes } from '@opentelemetry/resources'
import { CredentialNotes } from './credential-notes.ts'
import type { TelemetryOptions } from './export.ts'
import { collectorExporters, type ControlLink, controlPlaneExporters } from './exporters.ts'
import { createCollector, type Gauges } from './points.ts'
import { createRecordQueue, type RecordQueue } from './queue.ts'
import { createReceiver, type Receiver } from './receiver.ts'

export interface Receivers {
  /** Sends to this control plane from now on, with this identity; null: keeps everything for later. */
  useControlPlane(link: ControlLink | null): void
  /** Sends what is there, then ends. Gives up after the time. */
  close(longestMs: number): Promise<void>
}

export interface ReceiversOptions extends Omit<TelemetryOptions, 'gauges'> {
  readonly gauges: () => Gauges
  /** By the name of the receiver. */
  readonly queues: ReadonlyMap<string, RecordQueue>
  /** By the name of the receiver. */
  readonly notes: ReadonlyMap<string, CredentialNotes>
  /** When counting began, in milliseconds since 1970-01-01 UTC. */
  readonly startMs: number
}

export function createReceivers(options: ReceiversOptions): Receivers {
  const { settings, counters, gauges, queues, notes, agent, version, startMs, clock, log } = options
  const { otlpEndpoint, otlpProtocol, logsIntervalMs, metricsIntervalMs, recordsMax } = settings
  const resource = (): ReturnType<typeof resourceFromAttributes> =>
    resourceFromAttributes({
      'service.name': 'headgate-agent',
      'service.version': version,
      'service.instance.id': agent(),
    })

  /** Brings what was noted since to every receiver. */
  function passNotes(): void {
    const news = counters.credentials.take()
    // Which credentials are used is nobody's business but the control plane's.
    for (const [name, each] of notes) each.add(name === 'control_plane' ? news : { ...news, uses: [] })
  }

  function receiver(name: string, temporality: 'delta' | 'cumulative'): Receiver {
    return createReceiver({
      name,
      queue: queues.get(name) ?? createRecordQueue(recordsMax),
      notes: notes.get(name) ?? new CredentialNotes(),
      passNotes,
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
    useControlPlane: (link) => controlPlane.use(link === null ? null : controlPlaneExporters(link)),
    close: async (longestMs) => {
      await Promise.all(receivers.map((each) => each.close(longestMs)))
    },
  }
}

/**
 * Sends records and metrics to one receiver, and keeps them while it is away.
 *
 * Two loops, one for each signal. What could not be sent goes back in front of its queue; the pause grows while the
 * receiver does not take anything. A receiver that hangs holds up only its own queue, never a request.
 *
 * @module
 */
import type { Resource } from '@opentelemetry/resources'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { CredentialNotes } from './credential-notes.ts'
import type { Exporters } from './exporters.ts'
import { decisionRecords, noteRecords, SCOPE } from './log-records.ts'
import type { Collector, Gauges } from './points.ts'
import type { RecordQueue } from './queue.ts'

export interface ReceiverOptions {
  /** `control_plane` or `collector`. */
  readonly name: string
  readonly queue: RecordQueue
  readonly notes: CredentialNotes
  /** Brings the newest notes. */
  readonly passNotes: () => void
  readonly collector: Collector
  readonly gauges: () => Gauges
  readonly resource: () => Resource
  readonly logsIntervalMs: number
  readonly metricsIntervalMs: number
  readonly clock: Clock
  readonly log: Log
}

export interface Receiver {
  readonly name: string
  readonly queue: RecordQueue
  /** Takes other exporters from the next send on; null: nobody to send to for now. */
  use(exporters: Exporters | null): void
  /** Sends what is there, then ends. Gives up after the time. */
  close(longestMs: number): Promise<void>
}

/** Records in one send: about half a megabyte. */
const BATCH_RECORDS = 512
/** Longest pause between two tries while nothing gets through, in milliseconds. */
const PAUSE_MS_MAX = 10_000
/** What OTLP exporters answer for success: `ExportResultCode.SUCCESS` of a package that we do not depend on. */
const SUCCESS = 0

export function createReceiver(options: ReceiverOptions): Receiver {
  const { name, queue, notes, passNotes, collector, gauges, resource, clock, log } = options
  const stop = new AbortController()
  let exporters: Exporters | null = null
  let failing = false

  function noteFailure(signal: string, why: string): false {
    // Once per outage: a receiver that is away would fill the log.
    if (!failing) log.warn({ receiver: name, signal, why }, 'telemetry cannot be sent; keeping it')
    failing = true
    return false
  }

  function noteSuccess(): true {
    if (failing) log.info({ receiver: name, dropped: queue.dropped }, 'telemetry is sent again')
    failing = false
    return true
  }

  async function sendNotes(): Promise<boolean> {
    passNotes()
    const current = exporters
    if (current === null || notes.size === 0) return true
    const news = notes.take()
    const error = await exported((done) => current.logs.export(noteRecords(news, clock.now(), resource()), done))
    if (error === null) return noteSuccess()
    notes.giveBack(news)
    return noteFailure('logs', error)
  }

  async function sendLogs(): Promise<boolean> {
    if (!(await sendNotes())) return false
    for (;;) {
      const current = exporters
      if (current === null || queue.size === 0) return true
      const records = queue.take(BATCH_RECORDS)
      const batch = decisionRecords(records, resource())
      const error = await exported((done) => current.logs.export(batch, done))
      if (error !== null) {
        queue.giveBack(records)
        return noteFailure('logs', error)
      }
      noteSuccess()
    }
  }

  async function sendMetrics(): Promise<boolean> {
    const current = exporters
    if (current === null) return true
    const { metrics, confirm } = collector.collect(gauges(), clock.now())
    if (metrics.length === 0) return true
    const batch: ResourceMetrics = { resource: resource(), scopeMetrics: [{ scope: SCOPE, metrics }] }
    const error = await exported((done) => current.metrics.export(batch, done))
    if (error !== null) return noteFailure('metrics', error)
    confirm()
    return noteSuccess()
  }

  async function loop(intervalMs: number, send: () => Promise<boolean>): Promise<void> {
    let pauseMs = intervalMs
    for (;;) {
      try {
        await clock.sleep(pauseMs, stop.signal)
      } catch {
        return
      }
      pauseMs = (await send()) ? intervalMs : Math.min(PAUSE_MS_MAX, Math.max(pauseMs * 2, 500))
    }
  }

  const loops = Promise.all([loop(options.logsIntervalMs, sendLogs), loop(options.metricsIntervalMs, sendMetrics)])

  return {
    name,
    queue,
    use: (next) => {
      const previous = exporters
      exporters = next
      if (previous !== null) void shutDown(previous)
    },
    close: async (longestMs) => {
      stop.abort()
      const flushed = loops.then(async () => await Promise.all([sendLogs(), sendMetrics()]))
      const bound = new AbortController()
      await Promise.race([flushed, clock.sleep(longestMs, bound.signal).catch(() => {})])
      bound.abort()
      const left = queue.size + notes.size
      if (left > 0) log.warn({ receiver: name, records: left }, 'ending with records that were not sent')
      if (exporters !== null) void shutDown(exporters)
      exporters = null
    },
  }
}

async function shutDown({ logs, metrics }: Exporters): Promise<void> {
  await Promise.allSettled([logs.shutdown(), metrics.shutdown()])
}

/** @returns what went wrong; null: nothing. */
function exported(start: (done: (result: { code: number; error?: Error }) => void) => void): Promise<string | null> {
  return new Promise((resolve) => {
    try {
      start(({ code, error }) => resolve(code === SUCCESS ? null : (error?.message ?? 'not accepted')))
    } catch (thrown) {
      resolve(errorText(thrown))
    }
  })
}

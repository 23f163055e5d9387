/**
 * Steady load through agents: a bounded rate, in equal parts on kept and on new connections; every outcome counted.
 *
 * Open loop: a request is sent when its time has come, whether or not the others are answered, so that a pause of
 * the server shows as latency and not as a lower rate.
 *
 * @module
 */
import { Agent, request as httpRequest } from 'node:http'
import { type RequestOptions, request as httpsRequest } from 'node:https'

/** Pause between two looks at the clock, in milliseconds. */
const TICK_MS = 10

/** Longest wait for one answer, in milliseconds. Longer counts as failed. */
const TIMEOUT_MS = 10_000

/** Requests that may be unanswered at once; what would be more is counted as not sent. */
const IN_FLIGHT_MAX = 400

interface LoadOptions {
  readonly ratePerS: number
  /** One per agent, asked in turn. With `tls`, every connection is a new one. */
  readonly targets: readonly (RequestOptions & { readonly tls?: true })[]
}

export interface LoadResult {
  readonly sent: number
  readonly answered: number
  /** Status or error code to count. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Requests that were due but not sent, because too many were unanswered. */
  readonly skipped: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly seconds: number
}

export interface Load {
  /** What was counted so far. */
  result(): LoadResult
  /** Ends it, after all answers or their timeout. */
  stop(): Promise<LoadResult>
}

/** Starts load. Bounded by `stop`; the test's own timeout ends what never comes there. */
export function startLoad({ ratePerS, targets }: LoadOptions): Load {
  const kept = new Agent({ keepAlive: true, maxSockets: 64 })
  const outcomes: Record<string, number> = {}
  const latencies: number[] = []
  const started = performance.now()
  let sent = 0
  let skipped = 0
  let inFlight = 0
  let idle: (() => void) | undefined

  const finish = (outcome: string, since: number): void => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    latencies.push(performance.now() - since)
    inFlight -= 1
    if (inFlight === 0) idle?.()
  }
  const sendOne = (index: number): void => {
    const target = targets[Math.floor(index / 2) % targets.length]
    if (target === undefined) throw new Error('load needs a target')
    const since = performance.now()
    let done = false
    const once = (outcome: string): void => {
      if (!done) finish(outcome, since)
      done = true
    }
    inFlight += 1
    const { tls, ...options } = target
    const agent = index % 2 === 0 && tls === undefined ? kept : false
    const request = (tls === true ? httpsRequest : httpRequest)(
      { ...options, agent, timeout: TIMEOUT_MS },
      (response) => {
        response.resume()
        response.once('end', () => once(String(response.statusCode)))
        response.once('error', (error: NodeJS.ErrnoException) => once(`broken answer ${error.code ?? error.message}`))
      },
    )
    request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    request.once('error', (error: NodeJS.ErrnoException) => once(error.code ?? error.message))
    request.end()
  }
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - started) / 1000) * ratePerS)
    while (sent + skipped < due) {
      if (inFlight >= IN_FLIGHT_MAX) skipped += 1
      else sendOne(sent++)
    }
  }, TICK_MS)

  const result = (): LoadResult => {
    const sorted = latencies.toSorted((a, b) => a - b)
    const at = (share: number): number => Math.round((sorted[Math.floor((sorted.length - 1) * share)] ?? 0) * 10) / 10
    const seconds = Math.round((performance.now() - started) / 100) / 10
    const answered = latencies.length
    return {
      sent,
      answered,
      outcomes: { ...outcomes },
      skipped,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: at(1),
      seconds,
    }
  }
  return {
    result,
    async stop() {
      clearInterval(timer)
      if (inFlight > 0) await new Promise<void>((settle) => (idle = settle))
      kept.destroy()
      return result()
    },
  }
}

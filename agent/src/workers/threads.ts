/**
 * Serves on threads of their own, and keeps as many of them as there should be.
 *
 * Every thread listens on the same addresses and the kernel deals connections out, so one that ends costs what it was
 * working on and nothing else. A thread that ended is replaced at once, one whose event loop does not move any more is
 * ended first; when the same place fails again and again, the pauses grow, so that a release that no thread survives
 * does not take the whole machine.
 *
 * @module
 */
import type { CompiledRelease } from '@headgate/core'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import { answerQuestion } from '#agent/issuers/link.ts'
import { createCallerMemory } from '#agent/limits/callers.ts'
import { createThreadHoldings, HeldTable } from '#agent/limits/held-table.ts'
import { createLocalMemory, watchLocalMemory } from '#agent/limits/memory.ts'
import { SeenTable } from '#agent/limits/seen.ts'
import { admissionMemoryFor } from '#agent/listen/admission.ts'
import { AdmissionSeats, columnsFor } from '#agent/listen/admission-seats.ts'
import { assertFree, canReusePort } from '#agent/listen/reuse-port.ts'
import { followedBy, type TicketSecrets } from '#agent/listen/ticket-keys.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'
import { createTotals } from '#agent/telemetry/totals.ts'
import { secretName, type ServiceSecret } from '#agent/upstream/credentials/service-secrets.ts'
import { mergeStates } from '#agent/upstream/state.ts'
import type { AgentSettings } from '#agent/config.ts'
import type { EnvironmentMessage, EnvironmentOrder, ListenAddresses, Listening, ToThread } from './messages.ts'
import { takeApart } from './pieces.ts'
import { ServingThread } from './serving-thread.ts'
import type { ServingSide, SideOptions } from './side.ts'

export interface ThreadsOptions extends SideOptions {
  /** The module that runs `startThread` when it is not on the main thread. */
  readonly entry: URL
  /** The machine's monotonic clock, in nanoseconds. */
  readonly machineNs: () => bigint
}

/** Pause between two looks at the threads' beats, in milliseconds. */
const LOOK_MS = 250
/** Looks without a beat after which a thread is taken for stuck: 2 s, if this thread was not stuck itself. */
const MISSED_MAX = 8
/** The same for one that is still starting: 10 s. */
const MISSED_MAX_STARTING = 40
/** A thread that served so long does not count as failing again, in milliseconds. */
const STEADY_MS = 10_000
/** Pause before the second replacement in a row, in milliseconds; each further one waits twice as long. */
const RETRY_MS_MIN = 250
const RETRY_MS_MAX = 10_000
/** Longest wait for threads to say what they have counted, in milliseconds. */
const FLUSH_MS_MAX = 250
/** What a thread may take beyond the time for draining, in milliseconds. */
const END_MS_MORE = 2_000

export async function createThreads(options: ThreadsOptions): Promise<ServingSide> {
  const { settings, live, issuers, clock, log, entry, machineNs, env, keep } = options
  const reusePort = await canReusePort()
  const count = reusePort ? settings.workers : 1
  if (count < settings.workers) {
    log.warn({ workers: count, wanted: settings.workers }, 'this system cannot share a port: one thread serves')
  }
  const share = shareOf(settings, count)
  const totals = createTotals()
  const dropped = { allowed: 0, refused: 0 }
  const limitMemory = createLocalMemory(settings.limitKeysMax, options.quotas)
  const held = new HeldTable(limitMemory.held, null)
  const watchLimits = watchLocalMemory(limitMemory, clock)
  const callerMemory = createCallerMemory(settings.proofsMax)
  const seats = new AdmissionSeats(admissionMemoryFor(settings, columnsFor(count)))
  const seen = new SeenTable(callerMemory.seen, () => clock.monotonic())
  const clockOriginNs = machineNs() - BigInt(Math.round(clock.monotonic() * 1e6))
  const stop = new AbortController()
  /** All that have not ended; those that drain included. */
  const threads = new Set<ServingThread>()
  let { agentName } = options
  let ticketSecrets: TicketSecrets = { newest: options.ticketSecret, before: null }
  let addresses: ListenAddresses = {
    httpListen: settings.httpListen,
    httpsListen: settings.httpsListen,
    h2cListen: settings.h2cListen,
  }
  let said = new Map<string, LiveEnvironment>()
  /** The newest of each name, for threads that come later. */
  const secrets = new Map<string, ServiceSecret>()
  let restarting: Promise<void> | null = null

  const sayAll = (message: ToThread | EnvironmentOrder): void => {
    for (const thread of threads) thread.say(message)
  }

  /** Starts one that knows everything that is live, and does not listen yet. */
  function start(worker: number): ServingThread {
    const holdings = createThreadHoldings()
    const admissionSeat = seats.take()
    const thread = new ServingThread({
      entry,
      clock,
      data: {
        worker,
        settings: share,
        env,
        agentName,
        ticketSecrets,
        limitMemory,
        sharedMemory: options.sharedMemory,
        holdings,
        callerMemory,
        admissionSeat,
        clockOriginNs,
      },
      onRecords: (records) => {
        for (const record of records) keep(record)
      },
      onReport: (report) => {
        totals.add(report.counters)
        dropped.allowed += report.dropped.allowed
        dropped.refused += report.dropped.refused
      },
      onQuestion: async (question) => await answerQuestion(issuers, question),
    })
    threads.add(thread)
    for (const [id, handle] of live.memories()) thread.sayMemory(id, handle)
    for (const environment of live.environments()) thread.say(environmentOrder(environment))
    for (const keys of issuers.published()) thread.say({ kind: 'issuer keys', keys })
    for (const secret of secrets.values()) thread.say({ kind: 'service secret', secret })
    void thread.ended.then(() => {
      threads.delete(thread)
      held.giveBackAll(holdings)
      seats.giveBack(admissionSeat)
    })
    return thread
  }

  async function listen(thread: ServingThread): Promise<Listening> {
    thread.say({ kind: 'listen', addresses, reusePort })
    return await thread.listening
  }

  /** Keeps a place filled until the end. */
  async function keepPlace(worker: number, first: ServingThread): Promise<void> {
    let failures = 0
    for (let thread = first; ;) {
      const why = await thread.ended
      const next = replacements.get(thread)
      if (next !== undefined) {
        thread = next
        continue
      }
      if (stop.signal.aborted) return
      const servedMs = Math.round(clock.monotonic() - thread.startedAtMs)
      failures = servedMs < STEADY_MS ? failures + 1 : 1
      const pauseMs = failures === 1 ? 0 : Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 2))
      log.error({ worker, why, served_ms: servedMs, pause_ms: pauseMs }, 'a serving thread ended: replacing it')
      if (pauseMs > 0) await clock.sleep(pauseMs, stop.signal).catch(() => {})
      if (stop.signal.aborted) return
      thread = start(worker)
      places.set(worker, thread)
      await listen(thread).then(
        () => log.info({ worker, after_ms: Math.round(clock.monotonic() - thread.startedAtMs) }, 'replaced'),
        // One that cannot listen is of no use.
        (error: unknown) => thread.end(error instanceof Error ? error.message : 'it could not listen'),
      )
    }
  }

  /** Follows `live`. Resolves when every thread acts on it. */
  function follow(): Promise<unknown> {
    totals.limits.retain(live.environments())
    const now = new Map(live.environments().map((environment) => [environment.id, environment]))
    for (const [id, environment] of now) if (said.get(id) !== environment) sayAll(environmentOrder(environment))
    for (const id of said.keys()) if (!now.has(id)) sayAll({ kind: 'drop', environmentId: id })
    said = now
    return Promise.all(Array.from(threads, (thread) => thread.sync()))
  }

  async function watch(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(LOOK_MS, stop.signal).catch(() => {})
      for (const thread of threads) {
        thread.lookAtBeat()
        const most = thread.state === 'starting' ? MISSED_MAX_STARTING : MISSED_MAX
        if (thread.missedBeats >= most) thread.end(`its event loop was blocked for ${(most * LOOK_MS) / 1_000} s`)
      }
    }
  }

  async function restartAll(): Promise<void> {
    for (const [worker, old] of places) {
      if (stop.signal.aborted) return
      const next = start(worker)
      try {
        await listen(next)
      } catch (error) {
        next.end('it could not listen')
        throw error
      }
      // Perhaps the old one failed meanwhile, and was replaced already.
      const present = places.get(worker) ?? old
      replacements.set(present, next)
      places.set(worker, next)
      await present.drain(settings.drainMs + END_MS_MORE)
      log.info({ worker }, 'a serving thread was restarted')
    }
  }

  const places = new Map<number, ServingThread>()
  /** Those that ended on purpose, and who came in their place. */
  const replacements = new WeakMap<ServingThread, ServingThread>()
  for (let worker = 1; worker <= count; worker++) places.set(worker, start(worker))
  const stopFollowing = [
    live.onChange(follow),
    live.onMemory((id, handle) => {
      for (const thread of threads) thread.sayMemory(id, handle)
    }),
    issuers.onKeys((keys) => sayAll({ kind: 'issuer keys', keys })),
  ]
  said = new Map(live.environments().map((environment) => [environment.id, environment]))
  const watching = watch()
  let keeping: Promise<unknown> = Promise.resolve()

  return {
    counters: totals,
    listen: async () => {
      for (const address of Object.values(addresses)) {
        if (address !== undefined && address.port !== 0) await assertFree(address)
      }
      const [first, ...rest] = places.values()
      if (first === undefined) throw new Error('there is no serving thread')
      const listening = await listen(first)
      // Where the system chose a port, the others join it there.
      addresses = {
        httpListen: withPort(settings.httpListen, listening.httpUrl),
        httpsListen: withPort(settings.httpsListen, listening.httpsUrl),
        h2cListen: withPort(settings.h2cListen, listening.h2cUrl),
      }
      await Promise.all(rest.map(listen))
      keeping = Promise.all(Array.from(places, ([worker, thread]) => keepPlace(worker, thread)))
      return listening
    },
    gauges: () => {
      const reports = Array.from(threads, ({ report }) => report).filter((report) => report !== null)
      const [newest] = reports
      return {
        connections: reports.reduce((sum, { connections }) => sum + connections, 0),
        // Every thread has the same certificates.
        certificatesUnusable: newest?.certificatesUnusable ?? [],
        certificatesOutdated: newest?.certificatesOutdated ?? [],
        services: mergeStates(Array.from(threads, ({ services }) => services)),
        dropped,
        proofsOverflowed: seen.overflowed,
        limits: watchLimits,
      }
    },
    workers: () =>
      Array.from(threads, ({ worker, state, startedAtMs, report }) => ({
        worker,
        state,
        startedAtMs,
        connections: report?.connections ?? 0,
        load: report?.load ?? null,
      })),
    flush: async () => {
      const bound = new AbortController()
      const all = Promise.all(Array.from(threads, (thread) => thread.sync()))
      await Promise.race([all, clock.sleep(FLUSH_MS_MAX, bound.signal).catch(() => {})])
      bound.abort()
    },
    restart: async () => {
      if (!reusePort) {
        log.warn('this system cannot share a port: a new thread could not listen before the old one stops')
        return
      }
      restarting ??= restartAll().finally(() => (restarting = null))
      await restarting
    },
    useAgentName: (name) => {
      agentName = name
      sayAll({ kind: 'agent name', name })
    },
    useTicketSecret: (secret) => {
      ticketSecrets = followedBy(ticketSecrets, secret)
      sayAll({ kind: 'ticket secret', secret })
    },
    useServiceSecret: (secret) => {
      if (secret.kind === 'credential' && secret.value === undefined) secrets.delete(secretName(secret))
      else secrets.set(secretName(secret), secret)
      sayAll({ kind: 'service secret', secret })
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      for (const end of stopFollowing) end()
      await restarting?.catch(() => {})
      await Promise.all(Array.from(threads, (thread) => thread.drain(settings.drainMs + END_MS_MORE)))
      await Promise.all([watching, keeping])
    },
  }
}

/** Taken apart once for all threads, and for those that come later. */
const orders = new WeakMap<LiveEnvironment, EnvironmentOrder>()

function environmentOrder(environment: LiveEnvironment): EnvironmentOrder {
  let order = orders.get(environment)
  if (order === undefined) {
    const { id, release, number } = environment
    // Nobody who serves asks where a policy comes from.
    const message: EnvironmentMessage = { id, number, release: { ...release, effective: NONE } }
    order = { kind: 'environment', pieces: takeApart(message) }
    orders.set(environment, order)
  }
  return order
}

const NONE: CompiledRelease['effective'] = new Map()

function withPort(address: ListenAddress | undefined, url: string | null): ListenAddress | undefined {
  return address === undefined || url === null ? address : { ...address, port: Number(new URL(url).port) }
}

/** What is bounded for the whole process, divided among its threads. */
function shareOf(settings: AgentSettings, count: number): AgentSettings {
  const share = (whole: number): number => Math.ceil(whole / count)
  return {
    ...settings,
    // Of no use where nobody enrolls.
    joinToken: undefined,
    connectionsMax: share(settings.connectionsMax),
    upstreamConnectionsMax: share(settings.upstreamConnectionsMax),
    upstreamQueueMax: share(settings.upstreamQueueMax),
    recordsMax: share(settings.recordsMax),
    recordsAllowedPerS: share(settings.recordsAllowedPerS),
  }
}

/**
 * A serving thread: takes requests and answers them, and does nothing else.
 *
 * Follows what the main thread says is live, and says what it has counted and recorded. Both are bounded: records wait
 * in a queue that gives up allowed requests first, and no more than a few batches are under way at a time, so that a
 * main thread that is busy costs memory nowhere.
 *
 * @module
 */
import type { MessagePort } from 'node:worker_threads'
import { type Clock, systemClock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createMemories } from '#agent/directory/hand-over.ts'
import { createDirectoryReader, type DirectoryReader } from '#agent/directory/reader.ts'
import { KnownKeys } from '#agent/issuers/known-keys.ts'
import { createIssuerLink } from '#agent/issuers/link.ts'
import { TicketKeys } from '#agent/listen/ticket-keys.ts'
import { createLiveTable } from '#agent/live-table.ts'
import { createServing, type Serving } from '#agent/serving.ts'
import { createSlots } from '#agent/telemetry/metrics.ts'
import { createRecordQueue } from '#agent/telemetry/queue.ts'
import { createCounterFeed } from '#agent/telemetry/totals.ts'
import { ServiceSecrets } from '#agent/upstream/credentials/service-secrets.ts'
import type { EnvironmentMessage, FromThread, ThreadData, ToThread } from './messages.ts'
import { Assembly } from './pieces.ts'

/** Pause between two beats, in milliseconds. The main thread misses them after some. */
const BEAT_MS = 100
/** Pause between two batches of records, in milliseconds. */
const RECORDS_MS = 100
/** Records of one batch: some two milliseconds of work for the main thread. */
const BATCH_RECORDS = 256
/** Batches that are under way at most. */
const BATCHES_MAX = 4
/** Pause between two reports, in milliseconds. */
const REPORT_MS = 500
/** Services are told of in each so many-th report. */
const SERVICES_EVERY = 10

/** @param machineNs the machine's monotonic clock, in nanoseconds. */
export function startThread(data: ThreadData, port: MessagePort, machineNs: () => bigint): void {
  const { settings, env, worker, beat, limitMemory, holdings, callerMemory, admissionSeat, descriptors } = data
  const { sharedMemory } = data
  const clock = clockSince(data.clockOriginNs, machineNs)
  const log = createLog({ name: 'agent', level: settings.logLevel }).child({ worker })
  const memoryOf = createMemories(data.memories)
  const live = createLiveTable()
  const tickets = new TicketKeys(data.ticketSecrets)
  const secrets = new ServiceSecrets()
  const slots = createSlots()
  const countersSince = createCounterFeed(slots)
  const records = createRecordQueue(settings.recordsMax)
  const directories = new Map<string, DirectoryReader>()
  let { agentName } = data
  let serving: Serving | null = null
  let assembly = new Assembly()
  let underWay = 0
  let reports = 0
  let droppedTold = { allowed: 0, refused: 0 }

  const say = (message: FromThread): void => port.postMessage(message)
  const issuers = createIssuerLink((number, question) => say({ kind: 'issuer question', number, question }), clock)
  const knownKeys = new KnownKeys(clock, async (id) => await issuers.renew(id))

  function directoryOf(environmentId: string): DirectoryReader {
    let reader = directories.get(environmentId)
    if (reader === undefined) {
      reader = createDirectoryReader(() => memoryOf(environmentId))
      directories.set(environmentId, reader)
    }
    return reader
  }

  function sendRecords(batchesMax: number): void {
    while (records.size > 0 && underWay < batchesMax) {
      underWay += 1
      say({ kind: 'records', records: records.take(BATCH_RECORDS) })
    }
  }

  function report(): void {
    const { allowed, refused } = records.dropped
    say({
      kind: 'report',
      report: {
        counters: countersSince(),
        connections: serving?.connections ?? 0,
        load: serving?.load ?? null,
        certificatesUnusable: serving?.certificates.unusable ?? [],
        certificatesOutdated: serving?.certificates.outdated ?? [],
        // They may be many, and nobody looks at them so often.
        services: serving !== null && reports++ % SERVICES_EVERY === 0 ? serving.services : null,
        dropped: { allowed: allowed - droppedTold.allowed, refused: refused - droppedTold.refused },
      },
    })
    droppedTold = { allowed, refused }
  }

  async function listen({ addresses, reusePort }: Extract<ToThread, { kind: 'listen' }>): Promise<void> {
    try {
      serving = await createServing({
        settings: { ...settings, ...addresses },
        env,
        live,
        tickets,
        secrets,
        limitMemory,
        sharedMemory,
        holdings,
        callerMemory,
        admissionSeat,
        knownKeys,
        issuers,
        descriptors,
        reusePort,
        clock,
        log,
        slots,
        agent: () => agentName,
        keep: (record) => records.push(record),
      })
      const { httpUrl, httpsUrl, h2cUrl } = serving
      say({ kind: 'listening', listening: { httpUrl, httpsUrl, h2cUrl } })
    } catch (thrown) {
      say({ kind: 'not listening', why: errorText(thrown) })
    }
  }

  async function drain(): Promise<void> {
    await serving?.[Symbol.asyncDispose]()
    for (const timer of timers) clearInterval(timer)
    sendRecords(Infinity)
    report()
    say({ kind: 'drained' })
    port.close()
  }

  function putEnvironment(): void {
    // What the main thread took apart.
    const environment = assembly.data as EnvironmentMessage
    assembly = new Assembly()
    live.put({ ...environment, directory: directoryOf(environment.id) })
  }

  function obey(message: ToThread): void {
    switch (message.kind) {
      case 'piece':
        assembly.add(message.piece)
        if (message.last) putEnvironment()
        // Whatever else waits comes first.
        setImmediate(() => say({ kind: 'next' }))
        break
      case 'drop':
        live.drop(message.environmentId)
        directories.delete(message.environmentId)
        break
      case 'agent name':
        agentName = message.name
        break
      case 'ticket secret':
        tickets.replace(message.secret)
        break
      case 'service secret':
        secrets.take(message.secret)
        break
      case 'issuer keys':
        knownKeys.put(message.keys)
        break
      case 'issuer answer':
        issuers.hear(message.number, message.answer)
        break
      case 'listen':
        void listen(message)
        break
      case 'sync':
        sendRecords(BATCHES_MAX)
        report()
        say({ kind: 'synced', id: message.id })
        break
      case 'took':
        underWay -= message.batches
        break
      case 'drain':
        void drain()
        break
    }
  }

  const timers = [
    setInterval(() => Atomics.add(beat, 0, 1), BEAT_MS),
    setInterval(() => sendRecords(BATCHES_MAX), RECORDS_MS),
    setInterval(report, REPORT_MS),
  ]
  port.on('message', obey)
  Atomics.add(beat, 0, 1)
}

/** A clock whose monotonic time is that of all threads of the process: limits are counted by it together. */
function clockSince(originNs: bigint, machineNs: () => bigint): Clock {
  const aheadMs = Number(machineNs() - originNs) / 1e6 - systemClock.monotonic()
  return { ...systemClock, monotonic: () => systemClock.monotonic() + aheadMs }
}

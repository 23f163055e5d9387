/**
 * One serving thread as the main thread sees it, from its start to its end.
 *
 * @module
 */
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import { postMemory } from '#agent/directory/hand-over.ts'
import type { MemoryHandle } from '#agent/directory/memory.ts'
import type { DecisionRecord } from '#agent/telemetry/events.ts'
import type { IssuerAnswer, IssuerQuestion } from '#agent/issuers/link.ts'
import { createDescriptors } from '#agent/listen/uring/descriptors.ts'
import { closeAfter } from '#agent/listen/uring/native.ts'
import type { ServiceState } from '#agent/upstream/state.ts'
import type { EnvironmentOrder, FromThread, Listening, ThreadData, ThreadReport, ToThread } from './messages.ts'
import type { Piece } from './pieces.ts'
import type { WorkerReport } from './side.ts'

export interface ServingThreadOptions {
  /** The module that runs `startThread` when it is not on the main thread. */
  readonly entry: URL
  readonly data: Omit<ThreadData, 'kind' | 'memories' | 'beat' | 'descriptors'>
  readonly clock: Clock
  readonly onRecords: (records: readonly DecisionRecord[]) => void
  readonly onReport: (report: ThreadReport) => void
  /** Answers a question for an issuer. Does not reject. */
  readonly onQuestion: (question: IssuerQuestion) => Promise<IssuerAnswer>
}

export class ServingThread {
  readonly worker: number
  readonly startedAtMs: number
  /** Resolves with where it listens. Rejects when it cannot, or ends before. */
  readonly listening: Promise<Listening>
  /** Resolves with the reason. */
  readonly ended: Promise<string>
  readonly #thread: Worker
  readonly #memories = new MessageChannel()
  readonly #beat = new Int32Array(new SharedArrayBuffer(4))
  readonly #descriptors = createDescriptors()
  readonly #clock: Clock
  readonly #options: ServingThreadOptions
  readonly #syncs = new Map<number, () => void>()
  readonly #listening = Promise.withResolvers<Listening>()
  readonly #ended = Promise.withResolvers<string>()
  #state: WorkerReport['state'] = 'starting'
  #why = 'it stopped by itself'
  /** What is said when the pieces before it have arrived. */
  #waiting: (ToThread | EnvironmentOrder)[] = []
  #pieces: Piece[] = []
  #lastSync = 0
  #lastBeat = 0
  #missed = 0
  #report: ThreadReport | null = null
  #services: readonly ServiceState[] = []

  constructor(options: ServingThreadOptions) {
    const { entry, data, clock } = options
    this.worker = data.worker
    this.#options = options
    this.#clock = clock
    this.startedAtMs = clock.monotonic()
    this.listening = this.#listening.promise
    this.ended = this.#ended.promise
    // Whoever waits for it hears of it; nobody has to.
    this.listening.catch(() => {})
    const { port2: memories } = this.#memories
    const own = { beat: this.#beat, descriptors: this.#descriptors }
    const workerData: ThreadData = { ...data, ...own, kind: 'serving thread', memories }
    this.#thread = new Worker(entry, { workerData, transferList: [memories], name: `serving ${data.worker}` })
    this.#thread.on('message', (message: FromThread) => this.#hear(message))
    this.#thread.on('messageerror', (error) => this.end(`a message could not be read: ${errorText(error)}`))
    this.#thread.on('error', (error) => (this.#why = errorText(error)))
    this.#thread.on('exit', () => {
      // Nobody is told before what it held open is closed.
      closeAfter(this.#descriptors).then(
        () => this.#end(),
        () => this.#end(),
      )
    })
  }

  get state(): WorkerReport['state'] {
    return this.#state
  }

  /** What it said last; null: nothing yet. */
  get report(): ThreadReport | null {
    return this.#state === 'ended' ? null : this.#report
  }

  /** What it knows of services, as it said last. */
  get services(): readonly ServiceState[] {
    return this.#state === 'ended' ? [] : this.#services
  }

  /** How often in a row it was looked at, and its event loop had not moved since. */
  get missedBeats(): number {
    return this.#missed
  }

  /** What is said later arrives later. */
  say(message: ToThread | EnvironmentOrder): void {
    this.#waiting.push(message)
    this.#pump()
  }

  sayMemory(environmentId: string, handle: MemoryHandle | null): void {
    if (this.#state !== 'ended') postMemory(this.#memories.port1, environmentId, handle)
  }

  /** Resolves when everything that was said before has taken effect there, or there is nobody any more. */
  sync(): Promise<void> {
    if (this.#state === 'ended') return Promise.resolve()
    const id = ++this.#lastSync
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#syncs.set(id, resolve)
    this.say({ kind: 'sync', id })
    return promise
  }

  /** To be called at a steady pace. */
  lookAtBeat(): void {
    const beat = Atomics.load(this.#beat, 0)
    this.#missed = beat === this.#lastBeat ? this.#missed + 1 : 0
    this.#lastBeat = beat
  }

  /** Ends it in good order, and by force after the time. Resolves when it has ended. */
  async drain(longestMs: number): Promise<void> {
    if (this.#state === 'ended') return
    this.#state = 'draining'
    this.say({ kind: 'drain' })
    const bound = new AbortController()
    const late = this.#clock.sleep(longestMs, bound.signal).then(
      () => this.end('it did not end in time'),
      () => {},
    )
    await this.ended
    bound.abort()
    await late
  }

  /** Ends it at once, with everything that it was working on. */
  end(why: string): void {
    if (this.#state === 'ended') return
    this.#why = why
    void this.#thread.terminate()
  }

  /** Says what waits, up to an order in pieces, which goes on with every answer. */
  #pump(): void {
    while (this.#pieces.length === 0) {
      const message = this.#waiting.shift()
      if (message === undefined || this.#state === 'ended') return
      if (message.kind !== 'environment') this.#thread.postMessage(message)
      else {
        this.#pieces = [...message.pieces]
        this.#sayPiece()
      }
    }
  }

  #sayPiece(): void {
    const [piece] = this.#pieces
    if (piece === undefined || this.#state === 'ended') return
    const message: ToThread = { kind: 'piece', piece, last: this.#pieces.length === 1 }
    this.#thread.postMessage(message)
  }

  #hear(message: FromThread): void {
    switch (message.kind) {
      case 'listening':
        if (this.#state === 'starting') this.#state = 'serving'
        this.#listening.resolve(message.listening)
        break
      case 'not listening':
        this.#listening.reject(new Error(message.why))
        break
      case 'next':
        this.#pieces.shift()
        this.#sayPiece()
        this.#pump()
        break
      case 'synced':
        this.#syncs.get(message.id)?.()
        this.#syncs.delete(message.id)
        break
      case 'issuer question':
        // One that gets no answer has a deadline.
        this.#answer(message.number, message.question).catch(() => {})
        break
      case 'records':
        this.#options.onRecords(message.records)
        this.say({ kind: 'took', batches: 1 })
        break
      case 'report':
        this.#report = message.report
        this.#services = message.report.services ?? this.#services
        this.#options.onReport(message.report)
        break
      case 'drained':
        this.end('it was told to')
        break
    }
  }

  async #answer(number: number, question: IssuerQuestion): Promise<void> {
    const answer = await this.#options.onQuestion(question)
    this.say({ kind: 'issuer answer', number, answer })
  }

  #end(): void {
    this.#state = 'ended'
    this.#memories.port1.close()
    for (const resolve of this.#syncs.values()) resolve()
    this.#syncs.clear()
    this.#listening.reject(new Error(this.#why))
    this.#ended.resolve(this.#why)
  }
}

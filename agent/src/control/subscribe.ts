/**
 * The stream to the control plane, from connect to end: says what is held, applies what comes, answers.
 *
 * Pushes are applied one after the other, in the order in which they came; pings are answered at once, also while a
 * large release is compiled. A stream on which nothing was heard for `SILENCE_MS_MAX` is given up: a black hole
 * looks like peace.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { type ServiceError, status } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import { type Hello, OutcomeSchema, type SubscribeRequest, SubscribeRequestSchema } from '@headgate/proto'
import type { Applied, Applier } from './apply.ts'
import { type Link, subscribeStream } from './link.ts'
import type { Push, PushMessage } from './push.ts'

/** Silence after which the link is taken for dead, in milliseconds. The control plane pings every 5 s. */
const SILENCE_MS_MAX = 15_000

/** Pause between two looks at the silence, in milliseconds. */
const WATCH_MS = 1_000

/** Pushes that wait to be applied; above it nothing more is read. The control plane sends one per environment. */
const QUEUE_MAX = 16

/** How a stream ended. */
export interface StreamEnd {
  readonly code: status
  readonly details: string
  /** Whether the control plane took the stream: a failure after that is not a reason to wait longer. */
  readonly wasOpen: boolean
}

interface SubscribeOptions {
  readonly link: Link
  readonly hello: Hello
  readonly applier: Applier
  readonly clock: Clock
  /** Called with every message that is heard. */
  readonly onHeard: () => void
  /** Ends the stream. */
  readonly signal: AbortSignal
}

/** Resolves when the stream has ended, and nothing of it is under way any more. Never rejects. */
export async function subscribe(options: SubscribeOptions): Promise<StreamEnd> {
  const { link, hello, applier, clock, signal } = options
  const { stream, close } = subscribeStream(link)
  const ended = Promise.withResolvers<StreamEnd>()
  const watch = new AbortController()
  let heardAtMs = clock.monotonic()
  let wasOpen = false
  let waiting = 0
  let work: Promise<void> = Promise.resolve()

  function end(code: status, details: string): void {
    ended.resolve({ code, details, wasOpen })
    watch.abort()
  }

  function send(message: SubscribeRequest['message']): void {
    // What is written after the end goes nowhere; the next stream says again what is held.
    if (!watch.signal.aborted) stream.write(create(SubscribeRequestSchema, { message }))
  }

  async function apply({ pushId, message }: Push): Promise<void> {
    if (watch.signal.aborted) return
    const { accepted, reasons, held } = await applyMessage(applier, message)
    const answer = create(OutcomeSchema, { pushId, accepted, reasons: [...reasons], ...(held && { held }) })
    send({ case: 'outcome', value: answer })
  }

  stream.on('data', (response: Push) => {
    wasOpen = true
    heardAtMs = clock.monotonic()
    options.onHeard()
    if (response.message.case === 'ping') {
      send({ case: 'pong', value: { $typeName: 'headgate.fleet.v1.Pong', pushId: response.pushId } })
      return
    }
    waiting += 1
    if (waiting >= QUEUE_MAX) stream.pause()
    work = work
      .then(() => apply(response))
      // `apply` answers its own failures; whatever comes here is a bug, and a new stream is the way out of it.
      .catch((error: unknown) => end(status.INTERNAL, String(error)))
      .finally(() => {
        waiting -= 1
        if (waiting < QUEUE_MAX) stream.resume()
      })
  })
  stream.on('error', (error: ServiceError) => end(error.code, error.details))
  stream.on('end', () => end(status.OK, 'the control plane ended the stream'))
  const onAbort = (): void => end(status.CANCELLED, 'ended by this agent')
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })

  async function watchSilence(): Promise<void> {
    while (!watch.signal.aborted) {
      await clock.sleep(WATCH_MS, watch.signal).catch(() => {})
      if (clock.monotonic() - heardAtMs > SILENCE_MS_MAX) end(status.DEADLINE_EXCEEDED, 'the control plane is silent')
    }
  }

  send({ case: 'hello', value: hello })
  const watching = watchSilence()
  try {
    return await ended.promise
  } finally {
    signal.removeEventListener('abort', onAbort)
    stream.cancel()
    await Promise.all([watching, work])
    close()
  }
}

function applyMessage(applier: Applier, message: PushMessage): Promise<Applied> {
  switch (message.case) {
    case 'assignment':
      return applier.assign(message.value)
    case 'snapshot':
      return applier.release(message.value)
    case 'directory':
      return applier.directory(message.value)
    case 'directoryDelta':
      return applier.delta(message.value)
    case 'ping':
    case undefined: {
      const reasons = ['this agent does not know the message: update it']
      return Promise.resolve({ accepted: false, reasons, held: null })
    }
  }
}

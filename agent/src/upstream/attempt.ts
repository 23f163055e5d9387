/**
 * One attempt to have one request answered by one target.
 *
 * Streams both ways with back pressure: the body goes as fast as the target takes it, the response as fast as the
 * client takes it. Nothing is retried here; the outcome says whether anything was sent. Times: until a connection is
 * there (waiting for a free one included), then from the last byte that the target took until the head of its
 * response. Silence inside the response is bounded by the pool.
 *
 * @module
 */
import type { Dispatcher } from 'undici'
import type { ServiceReference, UpstreamReason } from '#agent/http/exchange.ts'
import type { RawFields } from '#agent/http/fields.ts'
import type { RequestBody } from '#agent/http/body.ts'
import type { Target } from './targets.ts'

/** Where a response goes. */
export interface ResponseSink {
  /** Head of the final response. */
  start(status: number, raw: RawFields): void
  /** @returns false when `onDrain` must be waited for. */
  write(chunk: Buffer): boolean
  /** Resolves when the client has been handed the last byte, or has left. */
  end(): Promise<void>
  /** Calls once, when there is room again. */
  onDrain(resume: () => void): void
}

export interface AttemptRequest {
  readonly service: ServiceReference
  readonly method: string
  readonly target: string
  readonly fields: string[]
  readonly body: RequestBody | null
  /** Fires when the client has left, or does not take what it is owed. */
  readonly gone: AbortSignal
  readonly sink: ResponseSink
}

export type AttemptOutcome =
  | { readonly kind: 'answered'; readonly status: number }
  /** No response byte reached the sink. `sent`: the target may have seen the request. `reset`: the connection ended. */
  | { readonly kind: 'failed'; readonly reason: UpstreamReason; readonly sent: boolean; readonly reset: boolean }
  | { readonly kind: 'broken'; readonly status: number }
  | { readonly kind: 'abandoned'; readonly status: number }

/** Thrown into the client library to take a request back before it is sent. */
const TAKEN_BACK = new Error('the request was given up while it waited for a connection')

export function attempt(target: Target, request: AttemptRequest): Promise<AttemptOutcome> {
  const { promise, resolve } = Promise.withResolvers<AttemptOutcome>()
  const handler = new AttemptHandler(target, request, (outcome) => resolve(outcome))
  const { method, target: path, fields: headers, body } = request
  target.inFlight += 1
  // Reports every failure, its own refusals of arguments included, to the handler.
  target.pool.dispatch({ path, method, headers, body }, handler)
  return promise
}

class AttemptHandler implements Dispatcher.DispatchHandler {
  readonly #target: Target
  readonly #request: AttemptRequest
  readonly #settle: (outcome: AttemptOutcome) => void
  readonly #onGone = (): void => this.#abandon()
  #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #settled = false

  constructor(target: Target, request: AttemptRequest, settle: (outcome: AttemptOutcome) => void) {
    this.#target = target
    this.#request = request
    this.#settle = settle
    this.#timer = setTimeout(() => this.#fail('upstream_unreachable'), request.service.connectTimeoutMs)
    if (request.gone.aborted) this.#abandon()
    else request.gone.addEventListener('abort', this.#onGone, { once: true })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled) throw TAKEN_BACK
    this.#controller = controller
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#onResponseTimeout(), this.#request.service.responseTimeoutMs)
  }

  onBodySent(): void {
    if (!this.#settled) this.#timer.refresh()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // 1xx are the target's business with us; a client that wanted one was answered by us.
    if (status < 200 || this.#settled) return
    clearTimeout(this.#timer)
    // Throws for fields that may not be passed on; then nothing has been sent, and the status is not ours to give.
    this.#request.sink.start(status, textFields(controller.rawHeaders))
    this.#status = status
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled || this.#request.sink.write(chunk)) return
    controller.pause()
    this.#request.sink.onDrain(() => controller.resume())
  }

  onResponseEnd(): void {
    this.#target.inFlight -= 1
    if (this.#settled) return
    const status = this.#status
    void this.#request.sink.end().then(() => {
      this.#end(this.#request.gone.aborted ? { kind: 'abandoned', status } : { kind: 'answered', status })
    })
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    // Called once, by the library, whether the request was settled here or not.
    this.#target.inFlight -= 1
    if (this.#settled) return
    if (this.#request.body?.clientGone === true || this.#request.gone.aborted) return this.#abandon()
    this.#fail(this.#reasonOf(error), true)
  }

  #reasonOf(error: Error): UpstreamReason {
    // What the library refuses to send says nothing about the target.
    const ours = 'code' in error && error.code === 'UND_ERR_INVALID_ARG'
    return this.#controller === null && !ours ? 'upstream_unreachable' : 'upstream_failed'
  }

  #onResponseTimeout(): void {
    // A client that takes its time with the body is bounded elsewhere, and not the service's fault.
    if (this.#request.body?.waitingForClient === true) this.#timer.refresh()
    else this.#fail('upstream_timeout')
  }

  #fail(reason: UpstreamReason, reset = false): void {
    const sent = this.#controller !== null
    const status = this.#status
    this.#end(status === 0 ? { kind: 'failed', reason, sent, reset } : { kind: 'broken', status })
  }

  #abandon(): void {
    this.#end({ kind: 'abandoned', status: this.#status })
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#timer)
    this.#request.gone.removeEventListener('abort', this.#onGone)
    if (outcome.kind !== 'answered') this.#controller?.abort(TAKEN_BACK)
    this.#settle(outcome)
  }
}

/** Fields as text of one byte a character, which is how they go out again. */
function textFields(raw: readonly (Buffer | string)[] | Record<string, unknown> | null | undefined): string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((piece: Buffer | string) => (typeof piece === 'string' ? piece : piece.toString('latin1')))
}

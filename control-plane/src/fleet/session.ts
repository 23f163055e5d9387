/**
 * One agent's stream: what it has, what is on its way to it, what comes next.
 *
 * The plan is made anew (plan.ts) after every answer and every change; here is only its execution: one push per
 * environment at a time, none while the connection is full, none that the agent did not ask for by what it holds.
 * Whoever ends a stream says why; an ended stream does nothing any more, whatever is still under way for it.
 *
 * Not done here: reading the database (content/), writing what agents hold (receipts/), deciding who may connect
 * (subscribe.ts).
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import { status } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import {
  type Hello,
  type Outcome,
  type SubscribeRequest,
  type SubscribeResponse,
  SubscribeResponseSchema,
} from '@headgate/proto'
import type { Budget } from './budget.ts'
import { type Content, type EncodedPush, asField } from './content/cache.ts'
import {
  type AgentPart,
  EMPTY_PART,
  type NextPush,
  type SentPush,
  type Wanted,
  afterOutcome,
  isAhead,
  isHeldValid,
  planPush,
} from './plan.ts'
import type { Holding } from './receipts/store.ts'
import type { AgentRow } from './store.ts'

/** Pause between two pings, in milliseconds. An agent takes 15 s of silence for a dead link. */
const PING_MS = 5_000

/** An agent that says nothing for longer is gone, in milliseconds. */
const SILENCE_MS_MAX = 15_000

/** Longest wait for the answer to a push, in milliseconds: a large release takes seconds to compile. */
const ANSWER_MS_MAX = 60_000

const REASONS_MAX = 20
const REASON_LENGTH_MAX = 1_000

/** The part of a gRPC stream that is used, so that it can be told from one that ended. */
export interface AgentStream {
  /** @returns false when the connection is full until the next `drain`. */
  write(message: SubscribeResponse): boolean
  end(code: status, details: string): void
}

export interface SessionOptions {
  readonly agent: AgentRow
  readonly hello: Hello
  readonly certificateEndsAtMs: number
  readonly stream: AgentStream
  readonly view: {
    environments(groupId: string): readonly string[]
    wanted(environmentId: string): Wanted | undefined
  }
  readonly content: Content
  readonly budget: Budget
  readonly clock: Clock
  readonly log: Log
  readonly onHolding: (holding: Holding) => void
  readonly onServed: (environmentIds: readonly string[]) => void
}

export interface Session {
  readonly agentId: string
  /** When the agent was heard last, on the monotonic clock. */
  readonly heardAtMs: number
  /** Looks for what to push next. Called after every change of the view. */
  sync(): void
  /** Pings, and ends a stream that went silent or outlived its certificate. Called every second. */
  tick(): void
  receive(message: SubscribeRequest): void
  /** The connection takes data again. */
  drained(): void
  /** The agent was moved to another group. */
  setGroup(groupId: string): void
  /** Ends the stream; the second call does nothing. */
  end(code: status, details: string): void
}

interface Push extends SentPush {
  /** Empty: an assignment. */
  readonly environmentId: string
  readonly sentAtMs: number
  readonly giveBack: () => void
}

export function createSession(options: SessionOptions): Session {
  const { agent, hello, stream, view, content, budget, clock, log } = options
  const parts = new Map<string, AgentPart>()
  /** What was seen of each environment at the last look. */
  const seen = new Map<string, Wanted>()
  /** Environments with a push under way. */
  const busy = new Set<string>()
  /** Why the last release was refused, by environment. */
  const refusals = new Map<string, readonly string[]>()
  const pushes = new Map<bigint, Push>()
  const warned = new Set<string>()
  let groupId = agent.groupId
  let assigned: string | null = null
  let lastPushId = 0n
  let full = false
  let ended = false
  let heardAtMs = clock.monotonic()
  let pingedAtMs = clock.monotonic()

  for (const { environmentId, releaseNumber, directorySequence } of hello.held) {
    const part = { ...EMPTY_PART, releaseNumber: Number(releaseNumber), directorySequence }
    parts.set(environmentId, part)
  }

  function end(code: status, details: string): void {
    if (ended) return
    ended = true
    for (const { giveBack } of pushes.values()) giveBack()
    pushes.clear()
    stream.end(code, details)
  }

  function write(message: SubscribeResponse): void {
    if (!stream.write(message)) full = true
  }

  function nextMessage(message: SubscribeResponse['message']): SubscribeResponse {
    lastPushId += 1n
    return create(SubscribeResponseSchema, { pushId: lastPushId, message })
  }

  function sync(): void {
    if (ended || full) return
    const served = view.environments(groupId)
    const text = served.join(' ')
    if (text !== assigned) {
      assigned = text
      const message = nextMessage({
        case: 'assignment',
        value: { $typeName: 'headgate.fleet.v1.Assignment', environmentIds: [...served] },
      })
      pushes.set(lastPushId, {
        environmentId: '',
        kind: 'assignment',
        value: 0n,
        sentAtMs: clock.monotonic(),
        giveBack: () => {},
      })
      write(message)
      options.onServed(served)
      for (const id of parts.keys()) if (!served.includes(id)) parts.delete(id)
      // So that what it holds is known from the first moment, before anything is sent.
      for (const id of served) tell(id, parts.get(id) ?? EMPTY_PART)
    }
    for (const id of served) {
      const wanted = view.wanted(id)
      if (wanted !== undefined && !busy.has(id) && !full) consider(id, wanted)
    }
  }

  function consider(environmentId: string, wanted: Wanted): void {
    let part = parts.get(environmentId) ?? EMPTY_PART
    const before = seen.get(environmentId)
    seen.set(environmentId, wanted)
    // The database went back, as after the restore of a backup: what was sent says nothing about it any more.
    if (before !== undefined && wanted.directorySequence < before.directorySequence)
      part = { ...part, sentSequence: -1n }
    parts.set(environmentId, part)
    if (isAhead(part, wanted)) warnAhead(environmentId, part, wanted)
    const next = planPush(part, wanted)
    if (next.kind !== 'nothing') void push(environmentId, wanted, next)
  }

  function warnAhead(environmentId: string, { releaseNumber }: AgentPart, wanted: Wanted): void {
    if (warned.has(environmentId)) return
    warned.add(environmentId)
    const numbers = { held: releaseNumber, newest: wanted.releaseNumber }
    log.error(
      { environment_id: environmentId, ...numbers },
      'agent holds a release that is not known here: publish past its number',
    )
  }

  /** Never rejects. */
  async function push(environmentId: string, wanted: Wanted, next: NextPush): Promise<void> {
    busy.add(environmentId)
    try {
      const encoded = await load(environmentId, wanted, next)
      if (encoded === null || ended) return void busy.delete(environmentId)
      const giveBack = await budget.take(encoded.body.length)
      // Nothing is sent of an environment that was taken away meanwhile.
      if (ended || !view.environments(groupId).includes(environmentId)) {
        giveBack()
        return void busy.delete(environmentId)
      }
      send(environmentId, next, encoded, giveBack)
    } catch (error) {
      // The next look asks again.
      busy.delete(environmentId)
      log.debug({ environment_id: environmentId, why: errorText(error) }, 'could not read what to push')
    }
  }

  function send(environmentId: string, next: NextPush, encoded: EncodedPush, giveBack: () => void): void {
    const message = nextMessage({ case: undefined })
    message.$unknown = [asField(encoded)]
    const part = parts.get(environmentId) ?? EMPTY_PART
    if (encoded.sequence > part.sentSequence) parts.set(environmentId, { ...part, sentSequence: encoded.sequence })
    const value = next.kind === 'release' ? BigInt(next.number) : encoded.sequence
    pushes.set(lastPushId, { environmentId, kind: next.kind, value, sentAtMs: clock.monotonic(), giveBack })
    write(message)
  }

  function load(environmentId: string, wanted: Wanted, next: NextPush): Promise<EncodedPush | null> {
    switch (next.kind) {
      case 'release':
        return content.release(environmentId, next.number)
      case 'directory':
        return content.directory(environmentId, wanted.directorySequence)
      case 'directory_delta':
        return content.delta(environmentId, next.fromSequence, wanted.directorySequence)
      case 'nothing':
        return Promise.resolve(null)
    }
  }

  function receiveOutcome(outcome: Outcome): void {
    const push = pushes.get(outcome.pushId)
    if (push === undefined) return end(status.INVALID_ARGUMENT, 'an outcome answers a push that is open')
    pushes.delete(outcome.pushId)
    push.giveBack()
    const reasons = outcome.reasons.slice(0, REASONS_MAX).map((reason) => reason.slice(0, REASON_LENGTH_MAX))
    const { environmentId, kind } = push
    if (!outcome.accepted)
      log.warn({ environment_id: environmentId, kind, value: Number(push.value), reasons }, 'agent refused a push')
    if (kind === 'assignment') return
    busy.delete(environmentId)
    const { held } = outcome
    const isHeld = held?.environmentId === environmentId && isHeldValid(held)
    // A push that cannot be read at all is refused without a word on what is held.
    if (!isHeld && outcome.accepted) return end(status.INVALID_ARGUMENT, 'an ack says what is held of the environment')
    const part = parts.get(environmentId) ?? EMPTY_PART
    const holds = isHeld ? { releaseNumber: Number(held.releaseNumber), directorySequence: held.directorySequence } : {}
    const next = afterOutcome({ ...part, ...holds }, push)
    if (next.refused && reasons.length === 0) reasons.push('the agent gave no reason')
    if (kind === 'release') refusals.set(environmentId, reasons)
    parts.set(environmentId, next.part)
    if (assigned?.includes(environmentId) === true) tell(environmentId, next.part)
    sync()
  }

  function tell(environmentId: string, part: AgentPart): void {
    const refusedNumber = part.refusedRelease === 0 ? null : part.refusedRelease
    const { releaseNumber, directorySequence } = part
    const refusedReasons = refusedNumber === null ? [] : (refusals.get(environmentId) ?? [])
    options.onHolding({
      agentId: agent.id,
      environmentId,
      releaseNumber,
      directorySequence,
      refusedNumber,
      refusedReasons,
    })
  }

  return {
    agentId: agent.id,
    get heardAtMs() {
      return heardAtMs
    },
    sync,
    end,
    setGroup: (id) => {
      groupId = id
    },
    drained: () => {
      full = false
      sync()
    },
    receive: ({ message }) => {
      if (ended) return
      heardAtMs = clock.monotonic()
      if (message.case === 'outcome') receiveOutcome(message.value)
      else if (message.case !== 'pong') end(status.INVALID_ARGUMENT, 'after hello only outcome and pong are understood')
    },
    tick: () => {
      if (ended) return
      const nowMs = clock.monotonic()
      if (options.certificateEndsAtMs <= clock.now()) return end(status.UNAUTHENTICATED, 'the certificate has expired')
      if (nowMs - heardAtMs > SILENCE_MS_MAX) return end(status.DEADLINE_EXCEEDED, 'no answer to pings')
      for (const { sentAtMs } of pushes.values()) {
        if (nowMs - sentAtMs > ANSWER_MS_MAX) return end(status.DEADLINE_EXCEEDED, 'no answer to a push')
      }
      if (nowMs - pingedAtMs < PING_MS || full) return
      pingedAtMs = nowMs
      write(
        nextMessage({ case: 'ping', value: { $typeName: 'headgate.fleet.v1.Ping', sentAtMs: BigInt(clock.now()) } }),
      )
    },
  }
}

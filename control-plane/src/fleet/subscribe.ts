/**
 * Opens and closes agents' streams, and keeps the book of who is connected here.
 *
 * An agent has one stream. A newer one takes its place, here or at another control plane: after a cut, the agent is
 * back long before the old connection is known to be dead.
 *
 * @module
 */
import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import { X509Certificate } from 'node:crypto'
import type { Hello, SubscribeRequest, SubscribeResponse } from '@headgate/proto'
import { isDatabaseAway } from '#control-plane/db.ts'
import { readKey } from '#control-plane/identity-keys/jwk.ts'
import type { Budget } from './budget.ts'
import type { Content } from './content/cache.ts'
import { cleanText } from './enroll.ts'
import { type Identified, identify } from './identify.ts'
import { isHeldValid } from './plan.ts'
import type { Holding } from './receipts/store.ts'
import { type AgentStream, type Session, createSession } from './session.ts'
import type { AgentRow, FleetStore } from './store.ts'
import type { FleetView } from './view.ts'

/** Longest wait for the first message, in milliseconds. */
const HELLO_MS_MAX = 10_000

/** Most environments that an agent may say it holds. */
const HELD_MAX = 10_000

const LISTENERS_MAX = 32

/** Pause between two looks at the streams, in milliseconds. */
const TICK_MS = 1_000

/** Pause between two writes of who was heard of, in milliseconds. */
const TOUCH_MS = 5_000

export type SubscribeCall = ServerDuplexStream<SubscribeRequest, SubscribeResponse>

export interface Subscriptions extends AsyncDisposable {
  subscribe(call: SubscribeCall): void
  /** Ids of the agents with a stream here. */
  connected(): readonly string[]
  /**
   * The view has changed.
   *
   * @param rows what there is of the agents that were asked for; one that is missing is gone.
   */
  onView(rows: readonly AgentRow[], asked: readonly string[]): void
}

interface SubscriptionOptions {
  readonly controlPlaneId: string
  readonly store: FleetStore
  readonly view: () => FleetView
  readonly content: Content
  readonly budget: Budget
  readonly clock: Clock
  readonly log: Log
  readonly onHolding: (holding: Holding) => void
  readonly onServed: (agentId: string, environmentIds: readonly string[]) => void
}

export function createSubscriptions(options: SubscriptionOptions): Subscriptions {
  const { controlPlaneId, store, clock, log } = options
  const stop = new AbortController()
  const sessions = new Map<string, Session>()
  /** Agents whose row says that they are connected here. */
  const booked = new Set<string>()

  function subscribe(call: SubscribeCall): void {
    const stream = agentStream(call)
    const caller = identify(call, clock)
    if (caller.kind === 'refused') return stream.end(caller.refusal.code, caller.refusal.details)
    if (stop.signal.aborted) return stream.end(status.UNAVAILABLE, 'the control plane is stopping')
    const timer = setTimeout(() => stream.end(status.DEADLINE_EXCEEDED, 'no hello'), HELLO_MS_MAX)
    call.once('close', () => clearTimeout(timer))
    call.once('data', ({ message }: SubscribeRequest) => {
      clearTimeout(timer)
      // Nothing more is read before there is somebody to receive it.
      call.pause()
      if (message.case !== 'hello') return stream.end(status.INVALID_ARGUMENT, 'the first message is hello')
      const problem = helloProblem(message.value)
      if (problem !== null) return stream.end(status.INVALID_ARGUMENT, problem)
      void open(call, stream, message.value, caller).catch((error: unknown) => {
        log[isDatabaseAway(error) ? 'debug' : 'warn'](
          { agent_id: caller.agentId, why: errorText(error) },
          'could not open a stream',
        )
        stream.end(status.UNAVAILABLE, 'the control plane cannot serve streams at the moment')
      })
    })
  }

  async function open(
    call: SubscribeCall,
    stream: AgentStream,
    hello: Hello,
    { agentId, certificateEndsAtMs, certificate }: Extract<Identified, { kind: 'agent' }>,
  ): Promise<void> {
    const view = options.view()
    // A fresh look, because an agent that comes from another control plane may know more than this one.
    const [agent] = await Promise.all([store.findAgent(agentId), view.refresh()])
    if (agent === null || agent.revoked) return stream.end(status.PERMISSION_DENIED, 'the agent was revoked')
    const isMarked = await store.markConnected({
      id: agentId,
      controlPlaneId,
      version: cleanText(hello.version),
      capability: hello.capability,
      listeners: hello.listeners.slice(0, LISTENERS_MAX).map(cleanText),
    })
    // Revoked in this moment. One that is revoked after it is found among the sessions by the notice.
    if (!isMarked) return stream.end(status.PERMISSION_DENIED, 'the agent was revoked')
    await store.noteKey(agentId, readKey(new X509Certificate(certificate).publicKey), new Date(certificateEndsAtMs))
    if (call.destroyed || stop.signal.aborted) return stream.end(status.UNAVAILABLE, 'the control plane is stopping')
    const agentLog = log.child({ agent_id: agentId, agent: agent.name })
    const session: Session = createSession({
      ...options,
      agent,
      hello,
      certificateEndsAtMs,
      stream: {
        write: (message) => stream.write(message),
        end: (code, details) => {
          stream.end(code, details)
          if (sessions.get(agentId) !== session) return
          sessions.delete(agentId)
          agentLog.info({ why: details }, 'agent disconnected')
        },
      },
      view,
      log: agentLog,
      onServed: (environmentIds) => options.onServed(agentId, environmentIds),
    })
    sessions.get(agentId)?.end(status.RESOURCE_EXHAUSTED, 'a newer stream of this agent took its place')
    sessions.set(agentId, session)
    booked.add(agentId)
    agentLog.info(
      { group: agent.groupName, version: cleanText(hello.version), capability: hello.capability },
      'agent connected',
    )
    call.on('data', (message: SubscribeRequest) => session.receive(message))
    call.on('drain', () => session.drained())
    call.once('end', () => session.end(status.OK, 'the agent left'))
    call.once('close', () => session.end(status.OK, 'the connection is gone'))
    session.sync()
    call.resume()
  }

  function onView(rows: readonly AgentRow[], asked: readonly string[]): void {
    const found = new Map(rows.map((row) => [row.id, row]))
    for (const id of asked) {
      const session = sessions.get(id)
      const row = found.get(id)
      if (session === undefined) continue
      if (row === undefined || row.revoked) session.end(status.PERMISSION_DENIED, 'the agent was revoked')
      else if (row.controlPlaneId !== controlPlaneId) {
        session.end(status.RESOURCE_EXHAUSTED, 'a newer stream of this agent took its place')
      } else session.setGroup(row.groupId)
    }
    for (const session of sessions.values()) session.sync()
  }

  /** Writes who was heard of and who left; what could not be written is written the next time. */
  async function touch(sinceMs: number): Promise<void> {
    const left = [...booked].filter((id) => !sessions.has(id))
    const heard = [...sessions.values()].filter(({ heardAtMs }) => heardAtMs >= sinceMs).map(({ agentId }) => agentId)
    try {
      await store.touch(heard, controlPlaneId)
      if (left.length > 0) await store.markDisconnected(left, controlPlaneId)
      for (const id of left) if (!sessions.has(id)) booked.delete(id)
      await store.repairConnections()
    } catch (error) {
      log.debug({ why: errorText(error) }, 'could not write who is connected')
    }
  }

  async function run(): Promise<void> {
    let touchedAtMs = clock.monotonic()
    let touching: Promise<void> = touch(touchedAtMs)
    let isTouching = false
    while (!stop.signal.aborted) {
      await clock.sleep(TICK_MS, stop.signal).catch(() => {})
      // Ending one takes it out of the map, which its iterator allows.
      for (const session of sessions.values()) session.tick()
      const nowMs = clock.monotonic()
      const left = booked.size > sessions.size
      if (isTouching || (nowMs - touchedAtMs < TOUCH_MS && !left)) continue
      // Not awaited: streams are looked after while Postgres is slow.
      isTouching = true
      touching = touch(touchedAtMs).finally(() => (isTouching = false))
      touchedAtMs = nowMs
    }
    await touching
  }

  const running = run()
  return {
    subscribe,
    connected: () => [...sessions.keys()],
    onView,
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      for (const session of sessions.values()) session.end(status.UNAVAILABLE, 'the control plane is stopping')
      await running
      await touch(clock.monotonic())
    },
  }
}

function agentStream(call: SubscribeCall): AgentStream {
  let ended = false
  // An error of a stream that broke is no news: `close` follows and is acted upon.
  call.on('error', () => {})
  return {
    write: (message) => ended || call.write(message),
    end: (code, details) => {
      if (ended) return
      ended = true
      // grpc-js takes a status from an `error` event; after it the call is closed.
      if (!call.destroyed) call.emit('error', { code, details })
      call.resume()
    },
  }
}

function helloProblem(hello: Hello): string | null {
  if (hello.capability === 0) return 'an agent says its capability number'
  if (hello.held.length > HELD_MAX) return `an agent holds at most ${HELD_MAX} environments`
  if (!hello.held.every(isHeldValid)) return 'a number is out of range'
  return null
}

/**
 * A service that plays the answer of a case, and what the client may get of it.
 *
 * @module
 */
import type { Socket } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { ObjectInput } from '@headgate/core'
import type { AgentSettings } from '#agent/config.ts'
import { type AnswerCase, END, RESET, type Step } from '#agent/http/conformance/cases/answers.ts'
import { HOST } from '#agent/http/conformance/cases/case.ts'
import { openRelease } from '#agent/testing/agent.ts'
import { type Client, type Next, openClient } from './client.ts'
import { valuesOf } from './message.ts'
import { type Arriving, echo } from './recorder.ts'
import { openStand, PROBE, type Stand, until } from './stand.ts'

/** Waits of the agent for this service, in milliseconds. */
const PATIENCE_MS = 500

/**
 * How long what a service has written may be on its way, in milliseconds. Bytes that arrive after the next request has
 * taken the connection cannot be told from its answer, by nobody.
 */
export const SETTLE_MS = 10

const REASONS: Readonly<Record<number, readonly string[]>> = {
  502: ['upstream_failed', 'upstream_unreachable'],
  504: ['upstream_timeout'],
}

/** The open release with a service that is not waited for long. */
function quickRelease(url: string): Omit<ObjectInput, 'origin'>[] {
  const [service, ...rest] = openRelease(url)
  if (service === undefined) throw new Error('the open release has a service')
  return [{ ...service, spec: { ...(service.spec as object), response_timeout_ms: PATIENCE_MS } }, ...rest]
}

/** Writes, waits and ends as the steps say. */
export async function play(socket: Socket, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return
    if (step === 0) await turn()
    else if (typeof step === 'number') await sleep(step)
    else if (step === END) socket.end()
    else if (step === RESET) socket.resetAndDestroy()
    else socket.write(step, 'latin1')
  }
}

export interface HostileStand extends AsyncDisposable {
  readonly stand: Stand
  /** The case that is played from now on; null: none. */
  set(one: AnswerCase | null): void
  /** Resolves when what is played is over, and has arrived. */
  played(): Promise<void>
}

/** A stand whose service plays the current case to requests for /hostile, and is well to all others. */
export async function openHostileStand(settings: Partial<AgentSettings> = {}): Promise<HostileStand> {
  let current: AnswerCase | null = null
  let last = Promise.resolve()
  const playing = new WeakSet<Arriving>()
  const begin = (connection: Arriving, when: AnswerCase['when']): void => {
    if (current?.when !== when || playing.has(connection)) return
    playing.add(connection)
    last = play(connection.socket, current.steps)
  }
  const stand = await openStand({
    objects: quickRelease,
    settings: { ...settings, upstreamIdleMs: PATIENCE_MS },
    answer: (seen, connection) => {
      if (!seen.target.startsWith('/hostile')) return echo(seen)
      if (current?.when === 'connection') return echo(seen)
      playing.delete(connection)
      begin(connection, 'request')
      return null
    },
    onConnection: (connection) => begin(connection, 'connection'),
    onPart: (connection) => {
      if (connection.rest.includes('/hostile ') && connection.rest.includes('\r\n\r\n')) begin(connection, 'part')
    },
  })
  return {
    stand,
    set: (one) => {
      current = one
    },
    played: async () => {
      await last
      await sleep(SETTLE_MS)
    },
    [Symbol.asyncDispose]: async () => await stand[Symbol.asyncDispose](),
  }
}

function requestOf({ line, version, when }: AnswerCase): string {
  const head = `${line} HTTP/${version}\r\n${HOST}`
  return when === 'part' ? `${head}Content-Length: 100000\r\n\r\n${'x'.repeat(20_000)}` : `${head}\r\n`
}

/** @returns what is wrong with what the client got; null: nothing. */
function faultOf(one: AnswerCase, next: Next): string | null {
  const told = JSON.stringify(next).slice(0, 2_000)
  if (next.kind === 'ended') return one.cut ? null : `cut: ${told}`
  if (next.kind !== 'answer') return told
  if (valuesOf(next.fields, 'x-request-id').length !== 1) return `no request id: ${told}`
  if (valuesOf(next.fields, 'content-type').includes('application/problem+json')) {
    const code: unknown = (JSON.parse(next.body) as Record<string, unknown>)['code']
    const fits = one.gateway.includes(next.status) && (REASONS[next.status] ?? []).includes(String(code))
    return fits ? null : `not the refusal that it should be: ${told}`
  }
  const { passes } = one
  if (passes === null) return `passed on: ${told}`
  if (next.status !== passes.status || next.body !== passes.body) return `not what the service said: ${told}`
  for (const [name, value] of passes.has ?? []) {
    if (!valuesOf(next.fields, name).includes(value)) return `no ${name}: ${value} in ${told}`
  }
  return passes.lacks?.some((name) => valuesOf(next.fields, name).length > 0) === true ? `too much: ${told}` : null
}

/** Runs a case. @returns what is wrong with what came of it; null: nothing. */
export async function judgeAnswer(hostile: HostileStand, one: AnswerCase): Promise<string | null> {
  const { stand } = hostile
  // A connection to begin with, as most requests find one.
  if (one.when === 'connection') for (const { socket } of stand.service.connections) socket.destroy()
  else if ((await stand.probe()) !== null) return 'the service was not well before'
  hostile.set(one)
  await using client = await openClient(stand.agent.http)
  client.write(requestOf(one))
  const next = await client.next(one.line.split(' ')[0])
  hostile.set(null)
  await hostile.played()
  const fault = faultOf(one, next) ?? (await faultOfNext(one, next, client))
  client.socket.destroy()
  if (fault !== null) return fault
  // More than once: what a connection of the pool was left with comes out when it is used again.
  for (let times = 0; times < 3; times++) {
    const odd = await stand.probe()
    if (odd !== null) return `another client gets ${odd}`
  }
  const { violations } = stand.service
  if (violations.length > 0) return violations.join('\n')
  return (await until(() => stand.service.unfinished() === 0)) ? null : 'a half request is left at the service'
}

/** What is wrong with the answer to the next request of the same client. */
async function faultOfNext(one: AnswerCase, next: Next, client: Client): Promise<string | null> {
  if (next.kind !== 'answer' || client.over || one.version !== '1.1' || one.when === 'part') return null
  client.write(PROBE)
  const then = await client.next()
  const good = then.kind === 'answer' ? then.body === 'GET /probe 0' : then.kind === 'ended' && then.rest === ''
  return good ? null : `the next request of the same client gets ${JSON.stringify(then)}`
}

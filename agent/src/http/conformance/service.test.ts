/**
 * A service that answers with whatever it likes: the client gets a whole answer of its own, a reason, or a visible break;
 * and nobody ever gets what was meant for somebody else.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObjectInput } from '@headgate/core'
import { openRelease } from '#agent/testing/agent.ts'
import { type AnswerCase, answers, END, RESET, type Step } from './cases/answers.ts'
import { HOST } from './cases/case.ts'
import { type Next, openClient } from './testing/client.ts'
import { valuesOf } from './testing/message.ts'
import { type Arriving, echo } from './testing/recorder.ts'
import { openStand, PROBE, type Stand, until } from './testing/stand.ts'

/** Waits of the agent for this service, in milliseconds. */
const PATIENCE_MS = 250

/**
 * How long what a service has written may be on its way, in milliseconds. Bytes that arrive after the next request has
 * taken the connection cannot be told from its answer, by nobody.
 */
const SETTLE_MS = 10

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

async function play(connection: Arriving, steps: readonly Step[]): Promise<void> {
  const { socket } = connection
  for (const step of steps) {
    if (socket.destroyed) return
    if (typeof step === 'number') await sleep(step)
    else if (step === END) socket.end()
    else if (step === RESET) socket.resetAndDestroy()
    else socket.write(step, 'latin1')
  }
}

/** A stand whose service plays the current case to requests for /hostile, and is well to all others. */
async function openHostileStand(): Promise<
  { stand: Stand; set: (one: AnswerCase | null) => void; played: () => Promise<void> } & AsyncDisposable
> {
  let current: AnswerCase | null = null
  let last = Promise.resolve()
  const playing = new WeakSet<Arriving>()
  const begin = (connection: Arriving, when: AnswerCase['when']): void => {
    if (current?.when !== when || playing.has(connection)) return
    playing.add(connection)
    last = play(connection, current.steps)
  }
  const stand = await openStand({
    objects: quickRelease,
    settings: { upstreamIdleMs: PATIENCE_MS },
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

/** Nobody but the client of the case may notice anything. */
async function checkOthers(stand: Stand): Promise<void> {
  // More than once: what a connection of the pool was left with comes out when it is used again.
  for (let times = 0; times < 3; times++) assert.equal(await stand.probe(), null)
  assert.deepEqual(stand.service.violations, [])
}

// Each group has an agent of its own, and mostly waits.
suite('what a hostile service answers', { concurrency: true }, () => {
  for (const [group, cases] of answers) {
    test(`${group}: what a service answers is passed on whole and clean, or not at all`, async (t) => {
      await using hostile = await openHostileStand()
      const { stand } = hostile
      for (const one of cases) {
        await t.test(one.title, async () => {
          // A connection to begin with, as most requests find one.
          if (one.when !== 'connection') assert.equal(await stand.probe(), null)
          else for (const { socket } of stand.service.connections) socket.destroy()
          hostile.set(one)
          await using client = await openClient(stand.agent.http)
          client.write(requestOf(one))
          const next = await client.next(one.line.split(' ')[0])
          hostile.set(null)
          await hostile.played()
          assert.equal(faultOf(one, next), null)
          if (next.kind === 'answer' && !client.over && one.version === '1.1' && one.when !== 'part') {
            client.write(PROBE)
            const then = await client.next()
            const good =
              then.kind === 'answer' ? then.body === 'GET /probe 0' : then.kind === 'ended' && then.rest === ''
            assert.ok(good, `the next request of the same client gets ${JSON.stringify(then)}`)
          }
          client.socket.destroy()
          await checkOthers(stand)
          assert.ok(await until(() => stand.service.unfinished() === 0), 'a half request is left at the service')
        })
      }
      assert.equal(stand.agent.app.slots.malformed.get('internal_error'), undefined)
    })
  }
})

test('there are at least 80 cases', () => {
  const titles = answers.flatMap(([group, cases]) => cases.map(({ title }) => `${group}: ${title}`))
  assert.ok(titles.length >= 80, `${titles.length}`)
  assert.equal(new Set(titles).size, titles.length)
})

// A service that speaks on a connection that nobody uses: the next request must not get it as its answer.
for (const [title, steps] of [
  ['another answer', ['HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison']],
  ['half an answer', ['HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\npoi']],
  ['408 and an end', ['HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n', END]],
  ['100 Continue', ['HTTP/1.1 100 Continue\r\n\r\n']],
  ['a blank line', ['\r\n']],
  ['nonsense', ['hello']],
  ['an end', [END]],
  ['a reset', [RESET]],
] as const) {
  test(`${title} on an idle connection of the pool reaches nobody`, async () => {
    await using stand = await openStand()
    for (let round = 0; round < 5; round++) {
      assert.equal(await stand.probe(), null)
      for (const connection of stand.service.connections) await play(connection, steps)
      await sleep(SETTLE_MS)
      await using client = await openClient(stand.agent.http)
      client.write(`POST /upload HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello${PROBE}`)
      const [first, second] = [await client.next('POST'), await client.next()]
      // A connection that ends while a request is on its way: POST is not tried again.
      const unlucky = first.kind === 'answer' && first.status === 502
      if (!unlucky) assert.equal(first.kind === 'answer' && first.body, 'POST /upload 5', JSON.stringify(first))
      assert.equal(second.kind === 'answer' && second.body, 'GET /probe 0', JSON.stringify(second))
    }
    assert.deepEqual(stand.service.violations, [])
  })
}

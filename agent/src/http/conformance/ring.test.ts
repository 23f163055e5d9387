/**
 * The same rules on a ring: a part of the cases of this suite, and WebSocket connections, through an agent with
 * `HEADGATE_IO=uring`. Where the kernel has no ring for us, the tests are skipped and say why. Trailers and 101 are in
 * `opened-answers.test.ts`, large bodies and slow readers in `agent/src/listen/uring/uring.test.ts`.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { whyNoRing } from '#agent/listen/uring/testing/ring-here.ts'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { answers } from './cases/answers.ts'
import { groups } from './cases/index.ts'
import { judgeAnswer, openHostileStand } from './testing/hostile.ts'
import { judge } from './testing/judge.ts'
import { openStand } from './testing/stand.ts'

const skip = await whyNoRing()
const MIB = 1_048_576

/** Every so-and-so-many-th case of each group, the same in every run. */
function part<T>(all: readonly (readonly [group: string, cases: readonly T[]])[], every: number): [string, T][] {
  return all.flatMap(([group, cases]) =>
    cases.filter((_, index) => index % every === 0).map((one): [string, T] => [group, one]),
  )
}

const requests = part(groups, 4)
const replies = part(answers, 3)

test('on a ring, every request is refused or forwarded clean', { skip }, async (t) => {
  await using stand = await openStand({ settings: { io: 'uring' } })
  for (const [group, one] of requests) {
    await t.test(`${group}: ${one.title}`, async () => {
      assert.equal((await judge(stand, one)).wrong, null, JSON.stringify(one.bytes).slice(0, 2_000))
    })
  }
  assert.equal(stand.agent.app.slots.malformed.get('internal_error'), undefined)
})

test('on a ring, what a service answers is passed on whole and clean, or not at all', { skip }, async (t) => {
  await using hostile = await openHostileStand({ io: 'uring' })
  for (const [group, one] of replies) {
    await t.test(`${group}: ${one.title}`, async () => assert.equal(await judgeAnswer(hostile, one), null))
  }
  assert.equal(hostile.stand.agent.app.slots.malformed.get('internal_error'), undefined)
})

test('the part that runs on a ring is large enough to find something, and holds of every group', () => {
  assert.ok(requests.length >= 60, `${requests.length} requests`)
  assert.ok(replies.length >= 40, `${replies.length} answers`)
  assert.equal(new Set(requests.map(([group]) => group)).size, groups.length)
  assert.equal(new Set(replies.map(([group]) => group)).size, answers.length)
})

test('on a ring, messages of every size come back, also to who takes them late', { skip }, async () => {
  const server = createServer()
  const websockets = new WebSocketServer({ server })
  websockets.on('connection', (socket) => {
    socket.on('message', (data: RawData, isBinary: boolean) => socket.send(data, { binary: isBinary }))
    socket.on('error', () => {})
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const objects = openRelease(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).map((object) =>
    object.kind === 'route' ? { ...object, spec: { ...(object.spec as object), websocket: true } } : object,
  )
  await using agent = await startAgent({ objects, settings: { io: 'uring' } })
  const socket = new WebSocket(agent.http.replace('http', 'ws'), { headers: { host: 'api.example.com' } })
  await once(socket, 'open')
  for (const size of [0, 1, 125, 126, 65_535, 65_536, MIB]) {
    const sent = randomBytes(size)
    const answer = once(socket, 'message') as Promise<[Buffer, boolean]>
    socket.send(sent)
    assert.ok((await answer)[0].equals(sent), `${size} bytes`)
  }
  const messages = Array.from({ length: 24 }, () => randomBytes(MIB))
  const got: Buffer[] = []
  socket.on('message', (data: Buffer) => void got.push(data))
  socket.pause()
  for (const message of messages) socket.send(message)
  await sleep(200)
  assert.equal(got.length, 0)
  socket.resume()
  while (got.length < messages.length) await once(socket, 'message')
  assert.ok(got.every((message, index) => message.equals(messages[index] ?? Buffer.alloc(0))))
  socket.close(1000)
  assert.deepEqual((await once(socket, 'close'))[0], 1000)
  websockets.close()
  server.close()
})

/**
 * Trailers and 101 from a service that writes raw bytes, through a real agent, on every backend: what a route opens, and
 * nothing besides.
 */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { whyNoRing } from '#agent/listen/uring/testing/ring-here.ts'
import { openRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService, type TestService } from '#agent/testing/service.ts'
import { END, type Step } from './cases/answers.ts'
import { HOST } from './cases/case.ts'
import { FIRST, KEY, type SwitchingCase, switchingAnswers, trailingAnswers } from './cases/opened-answers.ts'
import { play } from './testing/hostile.ts'
import { PROBE, until } from './testing/stand.ts'

const noRing = await whyNoRing()

/** What a service that is well says. */
const WELL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell'
/** What must never reach anybody. */
const POISON = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison'

interface Stand extends AsyncDisposable {
  readonly agent: TestAgent
  readonly service: TestService
  /** What the service does when it is asked for /hostile. */
  steps: readonly Step[]
  /** The connection on which it was asked last. */
  asked: Socket | null
  /** Asks for something else, over a connection of its own. */
  isWell(): Promise<boolean>
}

/** @param isOpened whether the route lets trailers and WebSocket connections pass. */
async function openStand(io: 'net' | 'uring', isOpened = true): Promise<Stand> {
  const service = await startService(({ line }, socket) => {
    if (!line.includes('/hostile')) return WELL
    stand.asked = socket
    void play(socket, stand.steps)
    return null
  })
  const objects = openRelease(service.url).map((object) =>
    object.kind === 'route' && isOpened
      ? { ...object, spec: { ...(object.spec as object), websocket: true, trailers: true } }
      : object,
  )
  const agent = await startAgent({ objects, settings: { io } })
  const stand: Stand = {
    agent,
    service,
    steps: [],
    asked: null,
    isWell: async () => {
      await using client = openText(agent.http)
      client.socket.write(PROBE)
      await until(() => client.text().endsWith('well') || client.over())
      return client.text().startsWith('HTTP/1.1 200 ') && client.text().endsWith('\r\n\r\nwell')
    },
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]()
      await service[Symbol.asyncDispose]()
    },
  }
  return stand
}

/** A client that keeps what it gets as it comes. */
function openText(url: string) {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), noDelay: true, allowHalfOpen: true })
  let [text, isOver] = ['', false]
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  for (const event of ['end', 'close', 'error'] as const) socket.on(event, () => (isOver = true))
  return {
    socket,
    text: () => text,
    over: () => isOver,
    forget: () => (text = ''),
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      await Promise.resolve()
    },
  }
}

/** Text in pieces, of which each is read before the next comes, mostly. */
function pieces(text: string, size: number): Step[] {
  const steps: Step[] = []
  for (let at = 0; at < text.length; at += size) steps.push(text.slice(at, at + size), 0)
  return steps
}

/** What lies between the last chunk and the empty line; null: the answer is not whole. */
function trailersIn(text: string): string | null {
  const last = text.indexOf('\r\n5\r\nhello\r\n0\r\n')
  return last === -1 || !text.endsWith('\r\n\r\n') ? null : text.slice(last + 15, -2)
}

const TAKES = 'Connection: TE\r\nTE: trailers\r\n'

for (const [io, skip] of [
  ['net', false],
  ['uring', noRing],
] as const) {
  test(
    `${io}: what a service says behind its last chunk passes as far as it may, or breaks the answer off`,
    { skip },
    async (t) => {
      await using stand = await openStand(io)
      for (const { title, fields, trailers, passes } of trailingAnswers) {
        await t.test(title, async () => {
          const answer = `HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`
          const ways: (readonly [how: string, steps: readonly Step[]])[] = [
            ['whole', [answer]],
            ['in pieces', pieces(answer, answer.length > 2_000 ? 1_021 : 7)],
            ['with another answer behind it', [answer + POISON]],
            ['with an end behind it', [answer, END]],
          ]
          for (const [how, steps] of ways) {
            stand.steps = steps
            await using client = openText(stand.agent.http)
            client.socket.write(`GET /hostile HTTP/1.1\r\n${HOST}${TAKES}\r\n`)
            assert.ok(await until(() => trailersIn(client.text()) !== null || client.over()), `${how}: nothing came`)
            assert.equal(trailersIn(client.text()), passes, `${how}: ${client.text().slice(0, 2_000)}`)
            // The head says nothing that its own fields did not say.
            const [head = ''] = client.text().split('\r\n\r\n', 1)
            if (passes !== null) assert.doesNotMatch(head, /^(?:set-cookie|location|www-authenticate):/im, how)
            if (!client.over()) {
              client.forget()
              client.socket.write(PROBE)
              await until(() => client.text().endsWith('well') || client.over())
              assert.ok(client.text() === '' || client.text().endsWith('\r\n\r\nwell'), `${how}: ${client.text()}`)
            }
          }
          assert.equal(await stand.isWell(), true)
        })
      }
      assert.equal(stand.agent.app.slots.malformed.get('internal_error'), undefined)
      assert.doesNotMatch(stand.agent.logged(), /a bug/)
    },
  )

  for (const [who, isOpened, request] of [
    ['a client that does not say TE', true, `GET /hostile HTTP/1.1\r\n${HOST}\r\n`],
    ['a client of HTTP/1.0', true, `GET /hostile HTTP/1.0\r\n${HOST}${TAKES}\r\n`],
    ['a route that says nothing of them', false, `GET /hostile HTTP/1.1\r\n${HOST}${TAKES}\r\n`],
  ] as const) {
    test(`${io}: no trailer reaches ${who}`, { skip }, async () => {
      await using stand = await openStand(io, isOpened)
      for (const { title, fields, trailers } of trailingAnswers.filter(({ passes }) => passes !== null)) {
        stand.steps = [
          `HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`,
        ]
        await using client = openText(stand.agent.http)
        client.socket.write(request)
        const isWhole = (): boolean =>
          request.includes('HTTP/1.0') ? client.over() : client.text().endsWith('\r\n0\r\n\r\n')
        assert.ok(await until(isWhole), `${title}: ${client.text()}`)
        assert.match(
          client.text(),
          request.includes('HTTP/1.0') ? /\r\n\r\nhello$/ : /\r\n\r\n5\r\nhello\r\n0\r\n\r\n$/,
        )
      }
      assert.equal(await stand.isWell(), true)
    })
  }

  test(`${io}: two ends are connected by a 101 that proves itself, and by nothing else`, { skip }, async (t) => {
    await using stand = await openStand(io)
    for (const one of switchingAnswers) {
      await t.test(one.title, async () => await (one.opens ? judgeOpen(stand, one) : judgeClosed(stand, one)))
    }
    assert.equal(stand.agent.app.slots.malformed.get('internal_error'), undefined)
    assert.doesNotMatch(stand.agent.logged(), /a bug/)
  })

  test(
    `${io}: 101 to a request that asked for nothing is nonsense, also where a route would allow it`,
    { skip },
    async () => {
      await using stand = await openStand(io)
      for (const { steps } of switchingAnswers.filter(({ opens }) => opens)) {
        stand.steps = steps
        await using client = openText(stand.agent.http)
        client.socket.write(`GET /hostile HTTP/1.1\r\n${HOST}\r\n`)
        assert.ok(await until(() => /HTTP\/1\.1 502 [^]*\r\n\r\n\{[^]*\}/.test(client.text())), client.text())
        assert.ok(!client.text().includes(FIRST))
        assert.equal(await stand.isWell(), true)
      }
    },
  )
}

const HANDSHAKE =
  `GET /hostile HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
  `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n`

/** What the client says without having waited, and later. */
const [EARLY, LATER] = ['early-of-the-client', 'later-of-the-client'.repeat(1_000)]

async function judgeOpen(stand: Stand, { steps }: SwitchingCase): Promise<void> {
  const { service } = stand
  for (const early of ['', EARLY]) {
    stand.steps = steps
    await using client = openText(stand.agent.http)
    client.socket.write(HANDSHAKE + early)
    assert.ok(await until(() => client.text().endsWith(FIRST) || client.over()), client.text())
    assert.match(client.text(), /HTTP\/1\.1 101 Switching Protocols\r\n/i)
    const { asked } = stand
    assert.ok(asked !== null && client.text().endsWith(`\r\n\r\n${FIRST}`), client.text())
    client.socket.write(LATER)
    assert.ok(await until(() => service.bytes().endsWith(early + LATER)), 'what the client says does not arrive')
    client.forget()
    asked.write(LATER)
    assert.ok(await until(() => client.text() === LATER), 'what the service says does not arrive')
    // An end in good order crosses, and the other direction goes on.
    client.socket.end()
    assert.ok(await until(() => asked.readableEnded || asked.destroyed), 'an end does not cross')
    if (!asked.destroyed) asked.destroy()
    assert.ok(await until(client.over), 'an end does not come back')
    assert.equal(await stand.isWell(), true)
  }
}

async function judgeClosed(stand: Stand, { steps, statuses }: SwitchingCase): Promise<void> {
  const { service } = stand
  stand.steps = steps
  await using client = openText(stand.agent.http)
  const before = service.bytes().length
  const smuggled = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`
  client.socket.write(HANDSHAKE + EARLY + smuggled)
  assert.ok(await until(client.over), 'the connection stays')
  const [, status] = /^(?:HTTP\/1\.1 1\d\d [^]*\r\n\r\n)*HTTP\/1\.1 (\d{3}) /.exec(client.text()) ?? []
  assert.ok(statuses.includes(Number(status)), client.text())
  assert.doesNotMatch(client.text(), /HTTP\/1\.1 101/)
  assert.ok(!client.text().includes(FIRST), 'the client gets what no tunnel brought')
  assert.ok(await until(() => stand.asked?.destroyed === true), 'the connection to the service stays')
  assert.ok(!service.bytes().includes(EARLY, before), 'the service gets what no tunnel brought')
  assert.ok(!service.arrived.some(({ line }) => line.includes('smuggled')))
  assert.equal(await stand.isWell(), true)
}

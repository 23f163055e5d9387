import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent } from 'node:https'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { certificate, get, issue, shake } from '#agent/testing/tls.ts'

const keyed = await issue('one.test')

async function start(url: string, settings: Parameters<typeof startAgent>[0] = {}): Promise<TestAgent> {
  const agent = await startAgent(settings)
  setRelease(agent.app.live, [...openRelease(url), await certificate('one', 'one.test', keyed)])
  await agent.app.certificates.settled()
  return agent
}

/** A connection on which these bytes are sent and nothing else. */
async function open(agent: TestAgent, bytes: string | Buffer = ''): Promise<Socket> {
  const { hostname: host, port } = new URL(agent.https)
  const socket = connect({ host, port: Number(port) }).on('error', () => {})
  await once(socket, 'connect')
  if (bytes.length > 0) socket.write(bytes)
  return socket
}

/** The first bytes of a hello, as any client sends them. */
const BEGINNING = Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])

test('a handshake that does not come to its end is cut in its time, however it drips', async () => {
  await using agent = await start('http://127.0.0.1:9', { settings: { headTimeoutMs: 200 } })
  const [silent, halfway, dripping] = [await open(agent), await open(agent, BEGINNING), await open(agent, BEGINNING)]
  const drip = setInterval(() => dripping.write('\0'), 20)
  for (const socket of [silent, halfway, dripping]) if (!socket.closed) await once(socket, 'close')
  clearInterval(drip)
  assert.equal(agent.app.slots.malformed.get('tls_failed'), 3)
})

test('a connection lives on when the time of its handshake is over', async () => {
  await using service = await startService()
  await using agent = await start(service.url, { settings: { headTimeoutMs: 100, keepAliveMs: 5_000 } })
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })
  assert.equal(await get(agent.https, 'one.test', { agent: kept }), 200)
  await sleep(500)
  assert.equal(await get(agent.https, 'one.test', { agent: kept }), 200)
  assert.equal(agent.app.slots.malformed.size, 0)
  kept.destroy()
})

test('when there are too many handshakes, the oldest gives way, and a client that is quick is served', async () => {
  await using service = await startService()
  await using agent = await start(service.url, { settings: { handshakesMax: 4 } })
  const slow: Socket[] = []
  for (let count = 0; count < 4; count++) slow.push(await open(agent, BEGINNING))
  const ended = once(slow[0] ?? (await open(agent)), 'close')
  assert.equal((await shake(agent.https, 'one.test')).status, 200)
  await ended
  assert.deepEqual(
    slow.slice(1).map(({ closed }) => closed),
    [false, false, false],
  )
  assert.equal(agent.app.slots.malformed.get('handshakes_full'), 1)
  for (const socket of slow) socket.destroy()
})

for (const [title, bytes, answer] of [
  ['plain HTTP gets nothing', 'GET / HTTP/1.1\r\nHost: one.test\r\n\r\n', ''],
  ['a hello that is malformed gets an alert', Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 9]), '15030300020232'],
] as const) {
  test(`${title}, and is counted`, async () => {
    await using agent = await start('http://127.0.0.1:9')
    const socket = await open(agent, bytes)
    let received = ''
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('hex')))
    await once(socket, 'close')
    assert.equal(received, answer)
    assert.equal(agent.app.slots.malformed.get('tls_failed'), 1)
  })
}

test('a client that asks for an unknown name is told so by an alert', async () => {
  await using agent = await start('http://127.0.0.1:9')
  await assert.rejects(shake(agent.https, 'two.test'), /unrecognized.name/)
})

test('a client that connects and leaves is no failure', async () => {
  await using agent = await start('http://127.0.0.1:9')
  const socket = await open(agent)
  socket.end()
  await once(socket, 'close')
  assert.equal(agent.app.slots.malformed.get('tls_failed'), undefined)
})

test('a process that stops waits a moment for handshakes, not as long as usual', async () => {
  const agent = await start('http://127.0.0.1:9', { settings: { headTimeoutMs: 60_000 } })
  const socket = await open(agent, BEGINNING)
  const closed = once(socket, 'close')
  await agent[Symbol.asyncDispose]()
  await closed
})

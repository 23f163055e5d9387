/**
 * An agent on a ring: what connections do to it, and that each gets its own bytes and no others.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, request, type Server } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { openRaw, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { descriptors, whyNoRing } from './testing/ring-here.ts'

const skip = await whyNoRing()

const MIB = 1_048_576
const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'

async function onRing(targets: readonly string[], host = '127.0.0.1'): Promise<TestAgent> {
  const httpListen = { host, port: 0 }
  return await startAgent({ objects: openRelease(...targets), settings: { io: 'uring', httpListen } })
}

/** Waits until no descriptor is left but those of before, and both ends of the connections that a service keeps. */
async function untilFree(before: number, kept: () => number): Promise<void> {
  for (let looks = 0; descriptors() - 2 * kept() > before; looks++) {
    assert.ok(looks < 1_000, `${descriptors()} descriptors after ${before}, with ${kept()} kept connections`)
    await sleep(10)
  }
}

async function listening(server: Server | ReturnType<typeof createServer>, host = '127.0.0.1'): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, host, () => resolve())
  })
  const { port } = server.address() as AddressInfo
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

test('1,000 connections come and go without a descriptor more', { skip }, async () => {
  await using service = await startService()
  await using agent = await onRing([service.url])
  const before = descriptors()
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 100 }, async () => void (await sendRaw(agent.http, GET))))
  }
  await untilFree(before, () => service.connections.open)
})

test('64 MiB up and 64 MiB down at once are the same bytes', { skip }, async () => {
  const server = createHttpServer((incoming, response) => incoming.pipe(response))
  const url = await listening(server)
  await using agent = await onRing([url])
  const [sent, got] = [createHash('sha256'), createHash('sha256')]
  const outgoing = request(agent.http, { method: 'POST' })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject)
  })
  const sending = (async () => {
    for (let piece = 0; piece < 64; piece++) {
      const bytes = randomBytes(MIB)
      sent.update(bytes)
      if (!outgoing.write(bytes)) await new Promise((drained) => outgoing.once('drain', drained))
    }
    outgoing.end()
  })()
  let length = 0
  for await (const piece of (await answered) as AsyncIterable<Buffer>) {
    length += piece.length
    got.update(piece)
  }
  await sending
  assert.equal(length, 64 * MIB)
  assert.equal(got.digest('hex'), sent.digest('hex'))
  server.closeAllConnections()
  server.close()
})

test('readers that stop hold the service up, and get every byte when they go on', { skip }, async () => {
  const body = randomBytes(16 * MIB)
  const expected = createHash('sha256').update(body).digest('hex')
  let written = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`)
      let at = 0
      const more = (): void => {
        while (at < body.length) {
          const piece = body.subarray(at, (at += 65_536))
          written += piece.length
          if (!socket.write(piece)) return void socket.once('drain', more)
        }
      }
      more()
    })
  })
  const url = await listening(server)
  await using agent = await onRing([url])
  const readers = 8
  const before = process.memoryUsage.rss()
  await Promise.all(
    Array.from({ length: readers }, async () => {
      const socket = connect(Number(new URL(agent.http).port), '127.0.0.1')
      socket.pause()
      socket.write(GET)
      await sleep(500)
      assert.ok(written < readers * body.length * 0.9, `${written} bytes were taken although nobody reads`)
      assert.ok(process.memoryUsage.rss() - before < 96 * MIB, 'what nobody reads is in memory')
      const got = createHash('sha256')
      let left: number | null = null
      for await (const piece of socket as AsyncIterable<Buffer>) {
        const start = left === null ? piece.indexOf('\r\n\r\n') + 4 : 0
        left ??= body.length
        got.update(piece.subarray(start))
        left -= piece.length - start
        if (left === 0) break
      }
      assert.equal(got.digest('hex'), expected)
    }),
  )
  server.close()
})

test('a client that ends its half gets the last answer, and the connection ends', { skip }, async () => {
  await using service = await startService()
  await using agent = await onRing([service.url])
  const before = descriptors()
  await using client = await openRaw(agent.http)
  client.write('GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n')
  assert.equal((await client.read()).status, 200)
  assert.equal(await client.ended(), '')
  client.socket.end()
  await untilFree(before, () => service.connections.open)
})

const POST = 'POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 100000\r\n\r\n'
for (const [state, bytes] of [
  ['before a byte', ''],
  ['in a head', 'GET / HTTP/1.1\r\nHost: api'],
  ['before the body', POST],
  ['in the body', POST + 'x'.repeat(50_000)],
  ['while the service thinks', 'GET /slow HTTP/1.1\r\nHost: api.example.com\r\n\r\n'],
  ['in the answer', 'GET /huge HTTP/1.1\r\nHost: api.example.com\r\n\r\n'],
  ['between requests', GET],
  ['behind pipelined requests', GET.repeat(20)],
] as const) {
  test(`a reset ${state} leaves nothing, and harms nobody`, { skip }, async () => {
    await using service = await startService(({ line }) => {
      if (line.startsWith('GET /slow')) return null
      const length = line.startsWith('GET /huge') ? 8 * MIB : 2
      return `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`
    })
    await using agent = await onRing([service.url])
    const before = descriptors()
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        await using client = await openRaw(agent.http)
        client.write(bytes)
        await sleep(index)
        client.socket.resetAndDestroy()
      }),
    )
    await untilFree(before, () => service.connections.open)
    assert.equal((await sendRaw(agent.http, GET)).status, 200)
    assert.doesNotMatch(agent.logged(), /a bug/)
  })
}

test('a service that cannot be reached is answered for, and one by name is found', { skip }, async () => {
  await using service = await startService()
  const gone = createServer()
  const nowhere = await listening(gone)
  await new Promise((closed) => gone.close(closed))
  await using unreachable = await onRing([nowhere])
  assert.equal((await sendRaw(unreachable.http, GET)).status, 502)
  await using named = await onRing([service.url.replace('127.0.0.1', 'localhost')])
  assert.equal((await sendRaw(named.http, GET)).status, 200)
  await using unknown = await onRing(['http://name.invalid:8080'])
  assert.equal((await sendRaw(unknown.http, GET)).status, 502)
})

test('IPv6 is spoken on both sides', { skip }, async () => {
  const seen: string[] = []
  const server = createHttpServer((incoming, response) => {
    seen.push(String(incoming.headers['x-forwarded-for']))
    response.end('ok')
  })
  await using agent = await onRing([await listening(server, '::1')], '::')
  const { port } = new URL(agent.http)
  for (const host of ['::1', '127.0.0.1']) {
    const socket = connect(Number(port), host)
    socket.write(GET)
    await once(socket, 'data')
    socket.destroy()
  }
  assert.deepEqual(seen, ['::1', '127.0.0.1'])
  server.close()
})

test('an agent without work sleeps, and timers are in time', { skip }, async () => {
  await using service = await startService()
  await using agent = await onRing([service.url])
  await sendRaw(agent.http, GET)
  // The process is shared with other tests: one calm moment shows that the agent does not spin and is not late.
  const moments: string[] = []
  for (let attempt = 0; attempt < 50; attempt++) {
    const before = process.cpuUsage()
    const startedMs = performance.now()
    await sleep(200)
    const tookMs = performance.now() - startedMs
    const { user, system } = process.cpuUsage(before)
    const busyMs = (user + system) / 1_000
    if (tookMs < 240 && busyMs < 60) return
    moments.push(`${busyMs.toFixed(0)} ms of processor time in ${tookMs.toFixed(0)} ms`)
  }
  assert.fail(moments.join(', '))
})

/** Which of many things happens next. */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * sides)
  }
}

/** A service that answers with the name that it was asked for, many times over, in pieces, or leaves. */
async function startNamer(roll: (sides: number) => number) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    let text = ''
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        if (end === -1) return
        const name = /^GET \/([\w-]+) /.exec(text)?.[1] ?? ''
        text = text.slice(end + 4)
        answer(socket, name)
      }
    })
  })
  const answer = (socket: Socket, name: string): void => {
    const body = `${name}|`.repeat(1 + roll(3) * 1_000)
    const bytes = `HTTP/1.1 200 OK\r\nx-name: ${name}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const cut = roll(bytes.length)
    switch (roll(12)) {
      case 0:
        socket.write(bytes.slice(0, cut))
        return void socket.resetAndDestroy()
      case 1:
        return void socket.end(bytes.slice(0, cut))
      case 2:
        return void socket.destroy()
      default:
        socket.write(bytes.slice(0, cut))
        socket.write(bytes.slice(cut))
    }
  }
  return { server, sockets, url: await listening(server) }
}

/** Everything that is read must be about what this connection asked for. */
function checkOwn(received: string, asked: readonly string[]): void {
  for (const [, name] of received.matchAll(/(?:x-name: |^|\|)(\d+-\d+-\d+)(?=\||\r)/gm))
    assert.ok(asked.includes(name ?? ''), `${name} went to a connection that asked for ${asked.join()}`)
}

// Guards against completions that come late: the number of a descriptor or of a connection may have a new owner.
test(
  'whatever opens, writes, breaks and closes in whatever order, nobody gets a byte of another',
  { skip },
  async (t) => {
    const seed = Number(process.env['HEADGATE_FUZZ_SEED'] ?? Date.now() & 0x7fffffff)
    t.diagnostic(`HEADGATE_FUZZ_SEED=${seed}`)
    const roll = dice(seed)
    const { server, sockets, url } = await startNamer(roll)
    await using agent = await onRing([url])
    const { port } = new URL(agent.http)
    const before = descriptors()
    let answers = 0

    async function live(client: number, life: number): Promise<void> {
      const socket = connect(Number(port), '127.0.0.1')
      const asked: string[] = []
      let received = ''
      socket.on('error', () => {})
      socket.on('data', (chunk) => (received += chunk.toString('latin1')))
      const closed = new Promise((resolve) => socket.once('close', resolve))
      for (let steps = 1 + roll(6); steps > 0 && !socket.destroyed; steps--) {
        const name = `${client}-${life}-${steps}`
        asked.push(name)
        const bytes = `GET /${name} HTTP/1.1\r\nHost: api.example.com\r\n\r\n`
        if (roll(6) === 0) socket.write(bytes.slice(0, roll(bytes.length)))
        else socket.write(bytes)
        if (roll(3) > 0) await Promise.race([once(socket, 'data').catch(() => {}), sleep(50)])
        else await sleep(roll(3))
      }
      switch (roll(4)) {
        case 0:
          socket.resetAndDestroy()
          break
        case 1:
          socket.destroy()
          break
        default:
          socket.end()
          setTimeout(() => socket.destroy(), 20 + roll(50))
      }
      await closed
      answers += received.split('x-name: ').length - 1
      checkOwn(received, asked)
    }

    await Promise.all(
      Array.from({ length: 32 }, async (_, client) => {
        for (let life = 0; life < 15; life++) await live(client, life)
      }),
    )
    assert.ok(answers > 30, `only ${answers} answers came`)
    await untilFree(before, () => sockets.size)
    assert.doesNotMatch(agent.logged(), /a bug/)
    server.close()
    // Both ends of what the service keeps are in this process.
    assert.ok(descriptors() - before < 200)
  },
)

/**
 * Responses that come bit by bit and bodies that never end: nothing is held back, and nothing piles up.
 */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { openRaw } from '#agent/testing/raw-client.ts'
import { serveNode } from '#agent/testing/node-service.ts'

const MIB = 1024 * 1024
const HEAD = 'Host: api.example.com\r\n'

// The bound is wide, for busy machines; the figure is told.
test('each event of a stream reaches the client at once, however small it is', async (t) => {
  let say = (_event: string): void => {}
  await using service = await serveNode((_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    say = (event) => void response.write(event)
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  let arrive = (): void => {}
  let text = ''
  client.socket.on('data', (piece) => {
    text += piece.toString('latin1')
    arrive()
  })
  const arrived = async (what: string): Promise<void> => {
    while (!text.includes(what)) {
      await new Promise<void>((resolve) => {
        arrive = resolve
      })
    }
  }
  client.write(`GET / HTTP/1.1\r\n${HEAD}\r\n`)
  await arrived('text/event-stream')
  const times: number[] = []
  for (let event = 0; event < 50; event++) {
    const startedMs = performance.now()
    say(`data: ${event}\n\n`)
    await arrived(`data: ${event}\n\n`)
    times.push(performance.now() - startedMs)
    await sleep(2)
  }
  const [median, most] = [times.toSorted((a, b) => a - b)[25] ?? 0, Math.max(...times)]
  t.diagnostic(`${median.toFixed(2)} ms in the middle, ${most.toFixed(2)} ms at most`)
  assert.ok(median < 50, `${median} ms`)
})

test('a long poll waits for its answer as long as the service lets it, and no other rule cuts it', async () => {
  await using service = await serveNode((_incoming, response) => void setTimeout(() => response.end('news'), 700))
  const settings = {
    clientIdleMs: 200,
    keepAliveMs: 200,
    headTimeoutMs: 200,
    upstreamIdleMs: 200,
    requestTimeoutMs: 200,
  }
  await using agent = await startAgent({ objects: openRelease(service.url), settings })
  await using client = await openRaw(agent.http)
  client.write(`GET / HTTP/1.1\r\n${HEAD}\r\n`)
  assert.equal((await client.read()).body, 'news')
})

test('hints come before the answer that they belong to, at once', async () => {
  let answer = (): void => {}
  await using service = await serveNode((_incoming, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    answer = () => void response.end('late')
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  let text = ''
  client.socket.on('data', (piece) => (text += piece.toString('latin1')))
  client.write(`GET / HTTP/1.1\r\n${HEAD}\r\n`)
  for (let waited = 0; !text.includes('103 Early Hints') && waited < 20_000; waited += 10) await sleep(10)
  assert.match(text, /^HTTP\/1\.1 103 Early Hints\r\n[Ll]ink: <\/a\.css>; rel=preload\r\n\r\n$/)
  answer()
  for (let waited = 0; !text.includes('late') && waited < 20_000; waited += 10) await sleep(10)
  assert.match(text, /HTTP\/1\.1 200 OK\r\n[^]*late/)
})

test('256 MiB up and 256 MiB down pass through little memory', async (t) => {
  const length = 256 * MIB
  await using service = await serveNode((incoming, response) => {
    let got = 0
    incoming.on('data', (piece: Buffer) => (got += piece.length))
    incoming.on('end', () => {
      response.writeHead(200, { 'x-got': got, 'content-length': length })
      writeAll(response, length)
    })
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  let most = 0
  const before = process.memoryUsage.rss()
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss() - before)), 20)
  const [got, down] = await new Promise<[string | undefined, number]>((resolve, reject) => {
    const headers = { host: 'api.example.com', 'content-length': length }
    const outgoing = request(agent.http, { method: 'POST', headers }, (response) => {
      let received = 0
      response.on('data', (piece: Buffer) => (received += piece.length))
      response.on('end', () => resolve([response.headers['x-got']?.toString(), received]))
    })
    outgoing.on('error', reject)
    writeAll(outgoing, length)
  })
  clearInterval(watch)
  assert.deepEqual([got, down], [String(length), length])
  t.diagnostic(`+${Math.round(most / MIB)} MiB at most, client and service included`)
  assert.ok(most < 192 * MIB, `+${most / MIB} MiB`)
})

/** As fast as it is taken. */
function writeAll(into: NodeJS.WritableStream, length: number): void {
  const piece = Buffer.alloc(MIB)
  let left = length
  const more = (): void => {
    while (left > 0) {
      left -= MIB
      if (!into.write(piece)) {
        into.once('drain', more)
        return
      }
    }
    into.end()
  }
  more()
}

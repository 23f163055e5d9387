/**
 * How long a service is waited for, and when another target is asked, through a whole agent.
 */
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from '#agent/testing/agent.ts'
import { openRaw, type RawResponse, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { shop } from '#agent/upstream/testing/shop.ts'

const HEAD = 'Host: api.example.com\r\n'
const GET = `GET / HTTP/1.1\r\n${HEAD}\r\n`
const POST = `POST / HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\nhi`
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

function codeOf({ body }: RawResponse): unknown {
  return (JSON.parse(body) as Record<string, unknown>)['code']
}

test('a whole request may take as long as its service says, 504 before the response has begun', async () => {
  await using service = await startService(() => null)
  await using agent = await startAgent({ objects: shop([service.url], { request_timeout_ms: 150 }) })
  const response = await sendRaw(agent.http, GET)
  assert.deepEqual([response.status, codeOf(response)], [504, 'upstream_timeout'])
  assert.equal(service.arrived.length, 1, 'nobody tries again what has no time left')
})

test('a response that goes on for too long is cut, however lively it is', async () => {
  let closed = false
  await using service = await startService((_arrived, socket) => {
    const timer = setInterval(() => socket.write('1\r\nx\r\n'), 10)
    socket.on('close', () => {
      closed = true
      clearInterval(timer)
    })
    return 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'
  })
  await using agent = await startAgent({ objects: shop([service.url], { request_timeout_ms: 200 }) })
  await using client = await openRaw(agent.http)
  client.write(GET)
  const text = await client.ended()
  assert.match(text, /^HTTP\/1.1 200/)
  assert.doesNotMatch(text, /\r\n0\r\n\r\n$/)
  await sleep(50)
  assert.ok(closed)
})

test('a response that falls silent is cut after the time of its service, and none where that is none', async () => {
  const sockets: Socket[] = []
  await using service = await startService((_arrived, socket) => {
    sockets.push(socket)
    return 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab'
  })
  await using quick = await startAgent({ objects: shop([service.url], { stream_idle_ms: 100 }) })
  await using client = await openRaw(quick.http)
  client.write(GET)
  assert.match(await client.ended(), /ab$/)
  await using patient = await startAgent({
    objects: shop([service.url], { stream_idle_ms: 0 }),
    settings: { upstreamIdleMs: 50 },
  })
  const response = sendRaw(patient.http, GET)
  await sleep(300)
  sockets.at(-1)?.write('cd')
  assert.equal((await response).body, 'abcd')
})

test('an attempt that takes too long is made at another target, where a second one does no harm', async () => {
  await using slow = await startService(() => null)
  await using quick = await startService(() => OK)
  const spec = { retries: { try_timeout_ms: 100 }, health: { passive: { ejected_max_percent: 0 } } }
  await using agent = await startAgent({ objects: shop([slow.url, quick.url], spec) })
  for (let time = 0; time < 2; time++) assert.equal((await sendRaw(agent.http, GET)).status, 200)
  assert.equal(quick.arrived.length, 2)
  assert.ok(slow.arrived.length > 0)
  const statuses = [(await sendRaw(agent.http, POST)).status, (await sendRaw(agent.http, POST)).status]
  assert.deepEqual(new Set(statuses), new Set([200, 504]))
})

test('an attempt that takes too long is not repeated where the service has not asked for it', async () => {
  await using slow = await startService(() => null)
  await using quick = await startService(() => OK)
  await using agent = await startAgent({ objects: shop([slow.url, quick.url], { response_timeout_ms: 100 }) })
  const statuses = [(await sendRaw(agent.http, GET)).status, (await sendRaw(agent.http, GET)).status]
  assert.deepEqual(new Set(statuses), new Set([200, 504]))
})

test('one attempt is one attempt', async () => {
  let times = 0
  await using service = await startService((_arrived, socket) => {
    times += 1
    socket.destroy()
    return null
  })
  await using agent = await startAgent({ objects: shop([service.url], { retries: { attempts_max: 1 } }) })
  assert.equal(codeOf(await sendRaw(agent.http, GET)), 'upstream_failed')
  assert.equal(times, 1)
})

test('the deadline of a caller reaches the service', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: shop([service.url], {}) })
  await sendRaw(agent.http, `POST / HTTP/1.1\r\n${HEAD}Grpc-Timeout: 250m\r\nContent-Length: 0\r\n\r\n`)
  assert.equal(service.arrived[0]?.field('grpc-timeout'), '250m')
})

test('a service with as many requests as it may have is 503 with Retry-After, and serves on when they end', async () => {
  let answer = (): void => {}
  await using service = await startService((_arrived, socket) => {
    answer = () => void socket.write(OK)
    return null
  })
  await using agent = await startAgent({ objects: shop([service.url], { breaker: { requests_max: 1 } }) })
  const first = sendRaw(agent.http, GET)
  while (service.arrived.length === 0) await sleep(5)
  const refused = await sendRaw(agent.http, GET)
  assert.deepEqual([refused.status, codeOf(refused), refused.field('retry-after')], [503, 'upstream_overloaded', '1'])
  answer()
  assert.equal((await first).status, 200)
  const next = sendRaw(agent.http, GET)
  while (service.arrived.length === 1) await sleep(5)
  answer()
  assert.equal((await next).status, 200)
})

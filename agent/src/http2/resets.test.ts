/**
 * Streams that many connections of one source reset together.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { askHttp2 } from './testing/ask.ts'
import { GET, headers, openFrames, rst } from './testing/frames.ts'

test('what many connections of one source reset is bounded together, hardly reaches a service, and harms no other', async () => {
  await using service = await startService()
  await using agent = await startAgent({
    objects: openRelease(service.url),
    settings: { http2ResetBurst: 10, http2ResetsPerS: 1 },
  })
  // One on which something was answered, from the same address.
  const honest = connectHttp2(agent.h2c).on('error', () => {})
  const first = honest.request({ ':path': '/', ':authority': 'api.example.com' }).resume()
  await once(first, 'close')
  const flood = Buffer.concat(
    Array.from({ length: 9 }, (_, index) => Buffer.concat([headers(2 * index + 1, GET), rst(2 * index + 1)])),
  )
  const arrived = service.arrived.length
  // Nine each, which one connection may: a hundred of a source are spent soon.
  for (let count = 0; count < 30; count++) {
    await using client = await openFrames(agent.h2c)
    client.write(flood)
    await client.until(() => client.closed, 100)
  }
  // Where the system cuts what was written in two, one of them is begun.
  assert.ok(service.arrived.length - arrived <= 30, `${service.arrived.length - arrived} of 270`)
  assert.equal((await askHttp2(agent.h2c, [...GET])).status, 0)
  assert.ok((agent.app.slots.malformed.get('http2_flood') ?? 0) >= 1)
  assert.equal((await askHttp2(agent.h2c, [...GET], '127.0.0.2')).status, 200)
  const second = honest.request({ ':path': '/', ':authority': 'api.example.com' }).resume()
  const [fields] = (await once(second, 'response')) as [Record<string, unknown>]
  assert.equal(fields[':status'], 200)
  honest.destroy()
})

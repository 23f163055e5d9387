/**
 * Thousands of damaged requests: whatever arrives, the service gets whole requests only, and the agent serves on.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { openRaw, sendRaw } from '#agent/testing/raw-client.ts'
import { createRandom } from '#agent/testing/random.ts'
import { startService } from '#agent/testing/service.ts'

const INPUTS = 4_000
const AT_ONCE = 16

const SEEDS = [
  'GET /seed?a=b HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\nConnection: close\r\n\r\n',
  'POST /seed HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello',
  'POST /seed HTTP/1.1\r\nHost: api.example.com\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST /seed HTTP/1.1\r\nHost: api.example.com\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello',
  'PUT /seed HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 0\r\n\r\nGET /next HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n',
]

const PIECES = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  '0',
  '5',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
]

function damage(text: string, random: (below: number) => number): string {
  let damaged = text
  for (let times = 1 + random(3); times > 0; times--) {
    const at = random(damaged.length)
    const piece = PIECES[random(PIECES.length)] ?? ''
    const ways = [
      () => damaged.slice(0, at) + String.fromCharCode(random(256)) + damaged.slice(at + 1),
      () => damaged.slice(0, at) + damaged.slice(at + 1 + random(4)),
      () => damaged.slice(0, at) + piece + damaged.slice(at),
      () => damaged.slice(0, at) + damaged.slice(at, at + random(40)) + damaged.slice(at),
      () => damaged.slice(0, at),
    ]
    damaged = ways[random(ways.length)]?.() ?? damaged
    if (damaged === '') return text
  }
  return damaged
}

test(`${INPUTS} damaged requests are refused or forwarded clean, and the agent serves on`, async () => {
  const seed = Date.now() & 0x7fffffff
  const random = createRandom(seed)
  await using service = await startService()
  await using agent = await startAgent({
    objects: openRelease(service.url),
    settings: { headTimeoutMs: 150, clientIdleMs: 150, recordsAllowedPerS: 0 },
  })
  const runner = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++) {
      await using client = await openRaw(agent.http)
      client.write(damage(SEEDS[random(SEEDS.length)] ?? '', random))
      client.socket.end()
      await client.ended()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, async () => await runner(INPUTS / AT_ONCE)))

  // What the service read as requests, read as strictly as the agent is bound to write.
  for (const { line, fields } of service.arrived) {
    const told = `seed ${seed}: ${line} ${JSON.stringify(fields)}`
    assert.match(line, /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \/[!-~]* HTTP\/1\.1$/, told)
    const count = (wanted: string): number => fields.filter(([name]) => name === wanted).length
    assert.deepEqual([count('host'), count('x-request-id'), count('x-forwarded-for')], [1, 1, 1], told)
    assert.ok(count('content-length') + count('transfer-encoding') <= 1, told)
    for (const [name] of fields) assert.match(name, /^[!#$%&'*+.^`|~0-9a-z-]+$/, told)
  }
  // Every request that reached the service is one that the agent knows of.
  const answered = agent.app.slots.all.reduce((sum, { route, requests }) => sum + (route === 'all' ? requests : 0), 0)
  assert.ok(service.arrived.length <= answered, `seed ${seed}: ${service.arrived.length} arrived, ${answered} answered`)
  assert.equal(agent.app.slots.malformed.get('internal_error'), undefined, `seed ${seed}`)
  assert.ok(service.arrived.length > INPUTS / 20, `seed ${seed}: hardly anything got through`)
  assert.equal((await sendRaw(agent.http, SEEDS[0] ?? '')).status, 200)
})

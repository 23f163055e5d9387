/**
 * Callers behind proxies, through a whole agent, and through a real proxy in front of it.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { parseAddressRanges } from '@headgate/core'
import { askHttp2 } from '#agent/http2/testing/ask.ts'
import { openRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { readAgentSettings } from './config.ts'

const HOST = 'Host: api.example.com\r\n'
const trustedProxies = parseAddressRanges(['127.0.0.9/32'])

/** A service that everybody may call, from wherever. */
function publicRelease(url: string): ReturnType<typeof openRelease> {
  return openRelease(url).map((object) =>
    object.kind === 'route' ? { ...object, spec: { ...(object.spec as object), exposure: 'public' } } : object,
  )
}

const ask = (fields: string): string => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n`

async function statusAndCode(agent: TestAgent, fields: string, from: string): Promise<unknown> {
  const { status, body } = await sendRaw(agent.http, ask(fields), 'GET', from)
  return [status, status === 200 ? '' : (JSON.parse(body) as { code: string }).code]
}

for (const [text, expected] of [
  ['10.0.0.0/8', ['10.0.0.0/8']],
  ['10.0.0.1, 2001:db8::/32', ['10.0.0.1', '2001:db8::/32']],
  ['', []],
] as const) {
  test(`HEADGATE_TRUSTED_PROXIES=${text} is read`, () => {
    const read = readAgentSettings({ HEADGATE_TRUSTED_PROXIES: text })
    assert.ok(read.kind === 'ok')
    assert.deepEqual(
      read.settings.trustedProxies.map((range) => range.text),
      expected,
    )
  })
}

test('nobody is trusted unless somebody was declared', () => {
  const read = readAgentSettings({})
  assert.ok(read.kind === 'ok')
  assert.deepEqual(read.settings.trustedProxies, [])
})

for (const text of [
  'balancer',
  '10.0.0.1/8',
  '10.0.0.1,',
  '0.0.0.0/0',
  '::/0',
  '10.0.0.1 10.0.0.2',
  '::ffff:10.0.0.1',
]) {
  test(`HEADGATE_TRUSTED_PROXIES=${text} is refused`, () => {
    const read = readAgentSettings({ HEADGATE_TRUSTED_PROXIES: text })
    assert.ok(read.kind === 'invalid')
    assert.match(read.problems.join(), /^HEADGATE_TRUSTED_PROXIES=/)
  })
}

test('400 proxy_chain_invalid when a declared proxy says what cannot be read, and never a guess', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: publicRelease(service.url), settings: { trustedProxies } })
  const refused = [400, 'proxy_chain_invalid']
  assert.deepEqual(await statusAndCode(agent, 'X-Forwarded-For: nonsense\r\n', '127.0.0.9'), refused)
  const both = 'X-Forwarded-For: 198.51.100.1\r\nForwarded: for=198.51.100.2\r\n'
  assert.deepEqual(await statusAndCode(agent, both, '127.0.0.9'), refused)
  assert.equal(agent.records.at(-1)?.address, '127.0.0.9')
  assert.equal(agent.records.at(-1)?.environment, 'production')
  // From anybody else it is not even read.
  assert.deepEqual(await statusAndCode(agent, both, '127.0.0.8'), [200, ''])
  assert.equal(agent.records.at(-1)?.address, '127.0.0.8')
  assert.equal(service.arrived.length, 1)
})

test('what is told to the service begins with a caller that somebody vouches for', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: publicRelease(service.url), settings: { trustedProxies } })
  const fields = 'X-Forwarded-For: 6.6.6.6, 198.51.100.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=198.51.100.1\r\n'
  for (const from of ['127.0.0.9', '127.0.0.8']) await sendRaw(agent.http, ask(fields), 'GET', from)
  const told = service.arrived.map(({ field }) => [
    field('x-forwarded-for'),
    field('x-forwarded-proto'),
    field('x-forwarded-host'),
    field('forwarded'),
  ])
  assert.deepEqual(told, [
    ['198.51.100.1, 127.0.0.9', 'https', 'api.example.com', undefined],
    ['127.0.0.8', 'http', 'api.example.com', undefined],
  ])
})

const https = { kind: 'policy', name: 'https', spec: { type: 'https', on: { environment: true }, plain: 'refuse' } }

test('behind a declared proxy that ended TLS a route that needs HTTPS is served, and nobody else can say so', async () => {
  await using service = await startService()
  const objects = [...publicRelease(service.url), https]
  await using agent = await startAgent({ objects, settings: { trustedProxies } })
  const secure = 'X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\n'
  assert.deepEqual(await statusAndCode(agent, secure, '127.0.0.9'), [200, ''])
  assert.deepEqual(await statusAndCode(agent, secure, '127.0.0.8'), [403, 'https_required'])
  const clear = 'X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: http\r\n'
  assert.deepEqual(await statusAndCode(agent, clear, '127.0.0.9'), [403, 'https_required'])
  assert.deepEqual(
    agent.records.map(({ scheme, address, peer_address: peer }) => `${scheme} ${address} by ${peer}`),
    ['https 198.51.100.1 by 127.0.0.9', 'http 127.0.0.8 by 127.0.0.8', 'http 198.51.100.1 by 127.0.0.9'],
  )
})

test('addresses that a policy names are those of callers, not of the proxies', async () => {
  await using service = await startService()
  const [shop, route, open] = publicRelease(service.url)
  assert.ok(shop !== undefined && route !== undefined && open !== undefined)
  const spec = { ...(open.spec as object), addresses: { allow: ['198.51.100.0/24', '127.0.0.9/32'] } }
  const objects = [shop, route, { ...open, spec }]
  await using agent = await startAgent({ objects, settings: { trustedProxies } })
  assert.deepEqual(await statusAndCode(agent, 'X-Forwarded-For: 198.51.100.1\r\n', '127.0.0.9'), [200, ''])
  const outside = 'X-Forwarded-For: 198.51.100.1, 203.0.113.1\r\n'
  assert.deepEqual(await statusAndCode(agent, outside, '127.0.0.9'), [403, 'source_not_allowed'])
  assert.deepEqual(await statusAndCode(agent, 'X-Forwarded-For: 198.51.100.1\r\n', '127.0.0.8'), [
    403,
    'source_not_allowed',
  ])
})

test('streams of one HTTP/2 connection of a declared proxy each have their own caller', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: publicRelease(service.url), settings: { trustedProxies } })
  const session = connectHttp2(agent.h2c, { localAddress: '127.0.0.9' } as object)
  const list = (...fields: readonly string[]): string[] => {
    const line = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'api.example.com']
    return [...line, ...fields]
  }
  const stream = async (...fields: readonly string[]): Promise<number> => {
    const sent = session.request(list(...fields) as never, { endStream: true }).resume()
    const [headers] = (await once(sent, 'response')) as [IncomingHttpHeaders]
    return Number(headers[':status'])
  }
  const statuses = await Promise.all([
    stream('x-forwarded-for', '198.51.100.1', 'x-forwarded-proto', 'https'),
    stream('forwarded', 'for="[2001:DB8::1]:4711"'),
    stream('x-forwarded-for', 'nonsense'),
  ])
  session.destroy()
  assert.deepEqual(statuses, [200, 200, 400])
  assert.equal((await askHttp2(agent.h2c, list('x-forwarded-for', 'nonsense'), '127.0.0.8')).status, 200)
  const seen = agent.records.map(({ scheme, address }) => `${scheme} ${address}`)
  assert.deepEqual(seen.toSorted(), ['http 127.0.0.8', 'http 127.0.0.9', 'http 2001:db8::1', 'https 198.51.100.1'])
})

/** A proxy as people write them: it adds the address of whoever asked it, and asks from an address of its own. */
async function startProxy(to: string, localAddress: string): Promise<Server & AsyncDisposable> {
  const server = createServer((incoming, outgoing) => {
    const before = incoming.headers['x-forwarded-for']
    const address = incoming.socket.remoteAddress ?? ''
    const headers = {
      ...incoming.headers,
      'x-forwarded-for': before === undefined ? address : `${String(before)}, ${address}`,
    }
    const { url = '/', method = 'GET' } = incoming
    const asked = request(new URL(url, to), { method, headers, localAddress }, (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(outgoing)
    })
    asked.on('error', () => outgoing.destroy())
    incoming.pipe(asked)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()))
  return server
}

const urlOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

test('through two real proxies every caller has limits and records of its own', async () => {
  await using service = await startService()
  await using agent = await startAgent({
    settings: { trustedProxies: parseAddressRanges(['127.0.0.8/31']) },
    objects: [
      ...publicRelease(service.url),
      {
        kind: 'policy',
        name: 'one',
        spec: { type: 'limit', on: { environment: true }, requests: 1, window_ms: 60_000, key: ['address'] },
      },
    ],
  })
  await using inner = await startProxy(agent.http, '127.0.0.9')
  await using outer = await startProxy(urlOf(inner), '127.0.0.8')
  const from = async (address: string, said = ''): Promise<number> =>
    (await sendRaw(urlOf(outer), ask(`${said}Connection: close\r\n`), 'GET', address)).status
  assert.equal(await from('127.0.0.21'), 200)
  assert.equal(await from('127.0.0.22'), 200)
  assert.equal(await from('127.0.0.21'), 429)
  assert.equal(await from('127.0.0.21', 'X-Forwarded-For: 198.51.100.1\r\n'), 429)
  assert.deepEqual(
    agent.records.map(({ address }) => address),
    ['127.0.0.21', '127.0.0.22', '127.0.0.21', '127.0.0.21'],
  )
  assert.equal(service.arrived[0]?.field('x-forwarded-for'), '127.0.0.21, 127.0.0.8, 127.0.0.9')
})

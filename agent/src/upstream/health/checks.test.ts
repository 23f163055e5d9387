/**
 * Asking targets how they are: what counts as well, how soon it is noticed, and that it holds nothing up.
 */
import assert from 'node:assert/strict'
import { createServer as createServerHttp2 } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CompiledActiveHealth } from '@headgate/core'
import { startAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { type Arrived, startService } from '#agent/testing/service.ts'
import { shop } from '#agent/upstream/testing/shop.ts'
import { type Check, checkOnce, createHealthChecks } from './checks.ts'

const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'
const RULES: CompiledActiveHealth = {
  path: '/healthz?deep',
  host: null,
  intervalMs: 10,
  timeoutMs: 200,
  healthyAfter: 2,
  unhealthyAfter: 3,
  statuses: null,
}
const address = (port: number) => ({ host: '127.0.0.1', port, serverName: null, tls: null })

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    if (condition()) return
    await sleep(10)
  }
  assert.fail(`waited in vain for ${what}`)
}

/** Runs through answers of a target, the last one again and again. @returns what was told, once so many are used. */
async function told(
  answers: readonly boolean[],
  rules: Partial<CompiledActiveHealth> = {},
): Promise<readonly boolean[]> {
  let at = 0
  const check: Check = async () =>
    await Promise.resolve(answers[Math.min(at++, answers.length - 1)] === true ? null : 'bad')
  const changes: boolean[] = []
  const subject = { address: address(1), host: 'x', protocol: 'http1' as const }
  const stop = createHealthChecks(check, () => 0.5).watch(
    subject,
    { ...RULES, intervalMs: 1, ...rules },
    (isHealthy) => {
      changes.push(isHealthy)
    },
  )
  await until('all answers', () => at > answers.length + 2)
  stop()
  return changes
}

test('the first answer decides alone, later it takes several in a row', async () => {
  assert.deepEqual(await told([true, false, false, true, false, false]), [false])
  assert.deepEqual(await told([true, false, false, true, false, true]), [])
  assert.deepEqual(await told([false, true, false, true, true]), [false, true])
  assert.deepEqual(await told([false]), [false])
})

test('a few checks run at a time, however many targets there are', async () => {
  let [open, most, done] = [0, 0, 0]
  const checks = createHealthChecks(async () => {
    open += 1
    most = Math.max(most, open)
    await sleep(2)
    open -= 1
    done += 1
    return null
  }, Math.random)
  const subject = { address: address(1), host: 'x', protocol: 'http1' as const }
  const stops = Array.from({ length: 200 }, () => checks.watch(subject, { ...RULES, intervalMs: 1 }, () => {}))
  await until('all to be checked twice', () => done > 400)
  for (const stop of stops) stop()
  assert.ok(most <= 32, String(most))
})

test('a check is one GET with the name of the target, and its status decides', async () => {
  const arrived: Arrived[] = []
  let status = 204
  await using service = await startService((request) => {
    arrived.push(request)
    return `HTTP/1.1 ${status} Status\r\ncontent-length: 0\r\n\r\n`
  })
  const subject = {
    address: address(Number(new URL(service.url).port)),
    host: 'shop.test:8080',
    protocol: 'http1' as const,
  }
  assert.equal(await checkOnce(subject, RULES), null)
  assert.equal(arrived[0]?.line, 'GET /healthz?deep HTTP/1.1')
  assert.equal(arrived[0]?.field('host'), 'shop.test:8080')
  await checkOnce(subject, { ...RULES, host: 'own.test' })
  assert.equal(arrived[1]?.field('host'), 'own.test')
  status = 302
  assert.equal(await checkOnce(subject, RULES), 'answered 302')
  assert.equal(await checkOnce(subject, { ...RULES, statuses: [302] }), null)
})

test('a target that hangs, drips, floods or refuses fails its check in time', async () => {
  for (const [title, act] of [
    ['hangs', () => {}],
    ['drips', (write) => void setInterval(() => write('H'), 20).unref()],
    ['floods', (write) => void setInterval(() => write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1_000)), 5).unref()],
    ['speaks something else', (write) => write('SSH-2.0-x\r\n')],
  ] as readonly (readonly [string, (write: (text: string) => void) => void])[]) {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      act((text) => void (socket.writable && socket.write(text)))
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve())
    })
    const { port } = server.address() as AddressInfo
    const startedMs = performance.now()
    const why = await checkOnce({ address: address(port), host: 'x', protocol: 'http1' }, RULES)
    assert.equal(typeof why, 'string', title)
    assert.ok(performance.now() - startedMs < 10_000, title)
    server.close()
  }
  assert.match((await checkOnce({ address: address(1), host: 'x', protocol: 'http1' }, RULES)) ?? '', /ECONNREFUSED/)
})

test('a target that speaks HTTP/2 is asked in HTTP/2', async () => {
  const server = createServerHttp2((request, response) => {
    response.writeHead(request.url === '/healthz?deep' && request.authority === 'shop.test' ? 200 : 500).end()
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const { port } = server.address() as AddressInfo
  assert.equal(await checkOnce({ address: address(port), host: 'shop.test', protocol: 'http2' }, RULES), null)
  assert.equal(await checkOnce({ address: address(port), host: 'x', protocol: 'http2' }, RULES), 'answered 500')
  server.close()
  const why = await checkOnce({ address: address(1), host: 'x', protocol: 'http2' }, RULES)
  assert.match(why ?? '', /ECONNREFUSED|ended/)
})

test('a target that fails its checks gets no requests, and gets them again when it passes', async () => {
  let isWell = true
  const reply = ({ line }: Arrived): string =>
    `HTTP/1.1 ${line.includes('/healthz') && !isWell ? 503 : 200} Status\r\ncontent-length: 0\r\n\r\n`
  await using one = await startService(reply)
  await using two = await startService()
  // A busy machine must not look like a target that is not well.
  const active = { path: '/healthz', interval_ms: 500, timeout_ms: 500, healthy_after: 1, unhealthy_after: 1 }
  await using agent = await startAgent({ objects: shop([one.url, two.url], { health: { active } }) })
  const asked = (): number => one.arrived.filter(({ line }) => line.startsWith('GET / ')).length
  for (let time = 0; time < 4; time++) assert.equal((await sendRaw(agent.http, GET)).status, 200)
  assert.equal(asked(), 2)
  isWell = false
  await until('the checks to fail', () => agent.logged().includes('does not pass its checks'))
  for (let time = 0; time < 4; time++) assert.equal((await sendRaw(agent.http, GET)).status, 200)
  assert.equal(asked(), 2)
  isWell = true
  await until('the checks to pass', () => agent.logged().includes('a target passes its checks'))
  for (let time = 0; time < 4; time++) assert.equal((await sendRaw(agent.http, GET)).status, 200)
  assert.equal(asked(), 4)
  assert.equal(agent.logged().split('does not pass its checks').length, 2, 'told once')
})

import assert from 'node:assert/strict'
import { request } from 'node:https'
import { test } from 'node:test'
import type { ObjectInput } from '@headgate/core'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { ca, certificate, issue } from '#agent/testing/tls.ts'

const HSTS = 'max-age=86400; includeSubDomains'
const policy: Omit<ObjectInput, 'origin'> = {
  kind: 'policy',
  name: 'https',
  spec: {
    type: 'https',
    on: { environment: true },
    plain: 'redirect',
    hsts: { max_age_s: 86_400, include_subdomains: true },
  },
}
const keyed = await issue('one.test')

/** Status and Strict-Transport-Security of one request over TLS. */
async function get(url: string, path: string): Promise<readonly [status: number | undefined, hsts: unknown]> {
  const { hostname: host, port } = new URL(url)
  const tls = { servername: 'one.test', ca, agent: false } as const
  return await new Promise((resolve, reject) => {
    const outgoing = request({ host, port, path, headers: { host: 'one.test' }, ...tls }, (response) => {
      const { statusCode, headers } = response
      response.resume().on('end', () => resolve([statusCode, headers['strict-transport-security']]))
    })
    outgoing.on('error', reject).end()
  })
}

test('browsers are told to come over HTTPS on answers and refusals, in our words and not those of the service', async () => {
  await using service = await startService(
    () => 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nStrict-Transport-Security: max-age=0\r\n\r\nok',
  )
  await using agent = await startAgent()
  const [shop, all, open] = openRelease(service.url)
  assert.ok(shop !== undefined && all !== undefined && open !== undefined)
  const closed = { kind: 'route', name: 'closed', spec: { service: 'shop', path: '/closed' } }
  const gone = { kind: 'service', name: 'gone', spec: { owner: 'team', targets: [{ url: 'http://127.0.0.1:1' }] } }
  const away = { kind: 'route', name: 'away', spec: { service: 'gone', path: '/away' } }
  const awayOpen = { ...open, name: 'away-open', spec: { ...(open.spec as object), on: { route: 'away' } } }
  const objects = [shop, all, open, closed, gone, away, awayOpen, await certificate('one', 'one.test', keyed)]
  setRelease(agent.app.live, [...objects, policy])
  await agent.app.certificates.settled()
  assert.deepEqual(await get(agent.https, '/'), [200, HSTS])
  assert.deepEqual(await get(agent.https, '/closed'), [403, HSTS])
  assert.deepEqual(await get(agent.https, '/away'), [502, HSTS])
  // RFC 6797 section 8.1: over plain HTTP anybody on the way could have written it.
  const plain = await sendRaw(agent.http, 'GET /a?b=c HTTP/1.1\r\nHost: one.test:8080\r\n\r\n')
  assert.deepEqual([plain.status, plain.field('location')], [308, 'https://one.test/a?b=c'])
  assert.equal(plain.field('strict-transport-security'), undefined)
  assert.equal(service.arrived.length, 1)
})

test('a request that may change something, or carries a credential, is refused and not sent on', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const objects = [...openRelease(service.url), await certificate('one', 'one.test', keyed)]
  setRelease(agent.app.live, [...objects, policy])
  const post = await sendRaw(agent.http, 'POST / HTTP/1.1\r\nHost: one.test\r\nContent-Length: 4\r\n\r\nbody', 'POST')
  assert.deepEqual([post.status, JSON.parse(post.body).code], [403, 'https_required'])
  assert.equal(post.field('location'), undefined)
  const secret = await sendRaw(agent.http, 'GET / HTTP/1.1\r\nHost: one.test\r\nAuthorization: Bearer x\r\n\r\n')
  assert.equal(secret.status, 403)
  assert.match(JSON.parse(secret.body).title, /consider it leaked/)
  assert.equal(service.arrived.length, 0)
})

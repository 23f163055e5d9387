/**
 * The listener itself: what every answer carries, what is refused before any operation, health and dashboard.
 */
import type { Problem } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { mkdtemp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { connect as connectTls } from 'node:tls'
import express from 'express'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { createHttpsClient } from '#control-plane/fakes/https-fetch.ts'
import { CERTIFICATE_FILE, ownCertificate } from './certificate.ts'
import { listenRest } from './server.ts'
import { serveDashboard } from './static-files.ts'

let controlPlane: TestControlPlane

before(async () => {
  controlPlane = await startControlPlane()
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const get = (path: string, token?: string) => controlPlane.send({ method: 'GET', path }, token)
const code = (json: unknown): string => (json as Problem).code

test('every answer tells browsers to keep to this origin, and names no software', async () => {
  for (const path of ['/', '/livez', '/v1/whoami', '/v1/nothing', '/nothing']) {
    const { headers } = await get(path)
    assert.match(String(headers['content-security-policy']), /default-src 'self'.*frame-ancestors 'none'/)
    assert.match(headers['strict-transport-security'] ?? '', /^max-age=\d{8,}$/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['x-powered-by'], undefined)
    assert.equal(headers.server, undefined)
    assert.equal(headers['access-control-allow-origin'], undefined)
  }
})

test('404 for an unknown path, 405 with Allow for an unknown method, 400 for a path that cannot be decoded', async () => {
  assert.equal(code((await get('/v1/nothing')).json), 'operation_unknown')
  assert.equal(code((await get('/V1/tenants')).json), 'operation_unknown')
  assert.equal(code((await get('/v1/tenants/')).json), 'operation_unknown')
  const wrong = await controlPlane.send({ method: 'PUT', path: '/v1/tenants' })
  assert.deepEqual(
    [wrong.status, code(wrong.json), wrong.headers.allow],
    [405, 'method_not_allowed', 'GET, HEAD, POST'],
  )
  for (const path of ['/v1/tenants/%', '/v1/tenants/%ff', '/v1/%00', '/%C0%AF']) {
    const answer = await get(path)
    assert.deepEqual([answer.status, code(answer.json)], [400, 'path_malformed'], path)
  }
})

test('400, 413 and 415 for bodies that are no JSON, too large, or something else', async () => {
  const { token } = controlPlane.owner
  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    controlPlane.send({ method: 'POST', path: '/v1/tenants', body, headers }, token)
  for (const body of ['', '{', '{"name":"a",}', Buffer.from([0x22, 0xff, 0x22]), '\uFEFF{}'])
    assert.equal(code((await post(body)).json), 'body_malformed')
  for (const type of ['text/plain', 'application/json; charset=latin1', 'application/jsonp', '']) {
    assert.equal(code((await post('{}', { 'content-type': type })).json), 'media_type', type)
  }
  assert.equal(code((await post('{}', { 'content-encoding': 'gzip' })).json), 'media_type')
  const large = await post(JSON.stringify({ name: 'x'.repeat(4 * 1024 * 1024) }))
  assert.deepEqual([large.status, code(large.json)], [413, 'body_too_large'])
  // Without a declared length it is counted.
  const chunked = await post(Buffer.alloc(5 * 1024 * 1024, 0x20), { 'transfer-encoding': 'chunked' })
  assert.equal(chunked.status, 413)
})

test('422 for JSON that two readers could read differently or Postgres cannot keep', async () => {
  const { token } = controlPlane.owner
  const deep = `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`
  for (const [body, pointer] of [
    ['{"name":"a","__proto__":{"b":1}}', '/__proto__'],
    ['{"name":"a\\u0000"}', '/name'],
    ['{"name":"\\ud800"}', '/name'],
    ['{"name":1e999}', '/name'],
    [deep, ''],
    ['{"name":"a","nmae":"b"}', '/nmae'],
    ['[]', ''],
    ['null', ''],
  ] as const) {
    const answer = await controlPlane.send({ method: 'POST', path: '/v1/tenants', body }, token)
    assert.equal(answer.status, 422, body.slice(0, 50))
    assert.equal((answer.json as Problem).errors?.[0]?.pointer, pointer, body.slice(0, 50))
  }
})

test('422 names a query parameter that is unknown, given twice, out of range, or not for Postgres', async () => {
  const { token } = controlPlane.owner
  for (const [query, pointer] of [
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['limt=1', 'limt'],
    ['limit=%ff', 'query'],
    ['cursor=a%00', 'cursor'],
  ] as const) {
    const answer = await get(`/v1/tenants?${query}`, token)
    assert.equal(answer.status, 422, query)
    assert.equal((answer.json as Problem).errors?.[0]?.pointer, pointer, query)
  }
})

test('a list names its next page in a Link that can be followed', async () => {
  const { token, client } = controlPlane.owner
  for (const name of ['page-a', 'page-b', 'page-c']) await client.call('createTenant', { body: { name } })
  const first = await get('/v1/tenants?limit=2', token)
  const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.link as string)?.[1] ?? ''
  const second = await get(next, token)
  assert.equal((second.json as { data: unknown[] }).data.length, 1)
  assert.equal(second.headers.link, undefined)
})

test('health says whether and why not, and nothing else', async () => {
  assert.deepEqual([(await get('/livez')).text, (await get('/readyz')).text], ['ok\n', 'ok\n'])
  const metrics = await get('/metrics')
  assert.match(metrics.text, /^headgate_control_plane_agents 0$/m)
  assert.match(metrics.text, /^headgate_control_plane_answers_total\{status="2xx"\} \d+$/m)
  assert.equal(metrics.text.includes('page-a'), false)
})

test('the document needs an operator', async () => {
  assert.equal((await get('/v1/openapi.json')).status, 401)
  const answer = await get('/v1/openapi.json', controlPlane.owner.token)
  assert.equal((answer.json as { openapi: string }).openapi, '3.1.0')
})

test('TLS below 1.2 is refused', async () => {
  const { restPort, certificate } = controlPlane.app
  const attempt = (maxVersion: 'TLSv1.1' | 'TLSv1.2') =>
    new Promise<string>((resolve) => {
      const socket = connectTls({
        port: restPort,
        host: '127.0.0.1',
        ca: certificate,
        minVersion: 'TLSv1',
        maxVersion,
        ciphers: 'DEFAULT@SECLEVEL=0',
      })
      socket.once('secureConnect', () => {
        resolve(socket.getProtocol() ?? '')
        socket.destroy()
      })
      socket.once('error', () => resolve('refused'))
    })
  assert.equal(await attempt('TLSv1.1'), 'refused')
  assert.equal(await attempt('TLSv1.2'), 'TLSv1.2')
})

test('what is no HTTP gets a problem and the end of the connection', async () => {
  const { restPort, certificate } = controlPlane.app
  for (const [bytes, status] of [
    ['GET / HTTP/1.1\r\nbroken\r\n\r\n', 400],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
    ['\u0000\u0001\u0002\r\n\r\n', 400],
  ] as const) {
    const answer = await new Promise<string>((resolve) => {
      const parts: string[] = []
      const socket = connectTls({ port: restPort, host: '127.0.0.1', ca: certificate }, () => socket.write(bytes))
      socket.on('data', (part) => parts.push(part.toString()))
      socket.on('error', () => {})
      socket.on('close', () => resolve(parts.join('')))
    })
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(answer, /application\/problem\+json/)
  }
})

test('the dashboard is one file under its pages; assets are kept for ever, and nothing outside its folder is served', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-dashboard-'))
  await mkdir(join(directory, 'assets'))
  await writeFile(join(directory, 'index.html'), '<title>Headgate</title>')
  await writeFile(join(directory, 'assets', 'app-1a2b.js'), 'export {}')
  await writeFile(join(directory, '.secret'), 'secret')
  const tls = await ownCertificate({ directory, hosts: ['127.0.0.1'], nowMs: Date.now() })
  const application = express().use(serveDashboard(directory))
  try {
    await using server = await listenRest({ application, tls, listen: { host: '127.0.0.1', port: 0 }, drainMs: 100 })
    using https = createHttpsClient(server.port, tls.cert)
    const fetch = (path: string) => https.send({ method: 'GET', path })
    for (const path of ['/', '/welcome', '/welcome?x=1', '/consumers?consumer=alice', '/access'])
      assert.match((await fetch(path)).text, /<title>Headgate/, path)
    const asset = await fetch('/assets/app-1a2b.js')
    assert.match(asset.headers['cache-control'] ?? '', /immutable/)
    assert.match(asset.headers['content-type'] ?? '', /javascript/)
    for (const path of [
      '/.secret',
      '/../etc/passwd',
      '/..%2f..%2fetc%2fpasswd',
      '/assets/',
      '/rest-key.pem/',
      '/other',
    ]) {
      assert.equal((await fetch(path)).status, 404, path)
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})

test('an own certificate is kept over restarts, its key is private, and it is made anew for another name', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-certificate-'))
  try {
    const hosts = ['localhost', '127.0.0.1', '::1', hostname()]
    const nowMs = Date.now()
    const first = await ownCertificate({ directory, hosts, nowMs })
    assert.equal((await stat(join(directory, 'rest-key.pem'))).mode & 0o777, 0o600)
    assert.equal(await readFile(join(directory, CERTIFICATE_FILE), 'utf8'), first.cert)
    assert.deepEqual(await ownCertificate({ directory, hosts, nowMs }), first)
    const other = await ownCertificate({ directory, hosts: [...hosts, 'headgate.example.com'], nowMs })
    assert.notEqual(other.cert, first.cert)
    const late = await ownCertificate({ directory, hosts, nowMs: nowMs + 800 * 86_400_000 })
    assert.notEqual(late.cert, other.cert)
    await writeFile(join(directory, CERTIFICATE_FILE), 'damaged')
    assert.match((await ownCertificate({ directory, hosts, nowMs })).cert, /BEGIN CERTIFICATE/)
  } finally {
    await rm(directory, { recursive: true })
  }
})

import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import { test } from 'node:test'
import { isPrivateAddress, type OutboundRequest, sendOutbound } from './outbound.ts'
import { createSelfSigned, pem } from './pki.ts'

const BOUNDS = { timeoutMs: 2_000, bytesMax: 1_000, allowPrivate: true } as const

async function serve(server: Server): Promise<{ port: number } & AsyncDisposable> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

async function ask(handler: RequestListener, changed: Partial<OutboundRequest> = {}): Promise<string> {
  await using server = await serve(createServer(handler))
  const answer = await sendOutbound({ url: `http://127.0.0.1:${server.port}/x`, ...BOUNDS, ...changed })
  return answer.kind === 'failed' ? answer.why : `${answer.status} ${answer.body.toString()}`
}

for (const address of [
  '0.0.0.0',
  '10.0.0.1',
  '100.64.1.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '192.0.2.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:8.8.8.8',
  '::ffff:127.0.0.1',
  '64:ff9b::7f00:1',
  'fc00::1',
  'fd12::1',
  'fe80::1',
  'ff02::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '',
  'localhost',
  '127.1',
]) {
  test(`${address || 'an empty text'} is not on the public internet`, () => assert.ok(isPrivateAddress(address)))
}

for (const address of ['8.8.8.8', '1.1.1.1', '172.32.0.1', '192.167.1.1', '100.63.0.1', '2606:4700::1111', '2a00::1']) {
  test(`${address} is on the public internet`, () => assert.ok(!isPrivateAddress(address)))
}

for (const [url, why] of [
  ['http://example.com/', 'http: is not asked'],
  ['ftp://example.com/', 'ftp: is not asked'],
  ['file:///etc/passwd', 'file: is not asked'],
  ['https://127.0.0.1/', 'private network'],
  ['https://[::1]/', 'private network'],
  ['https://[::ffff:10.0.0.1]/', 'private network'],
  ['https://2130706433/', 'private network'],
  ['https://0x7f.1/', 'private network'],
  ['https://169.254.169.254/latest', 'told about themselves'],
  ['https://user:secret@example.com/', 'password'],
  ['nonsense', 'cannot be read'],
] as const) {
  test(`${url} is refused without a packet`, async () => {
    const answer = await sendOutbound({ url, ...BOUNDS, allowPrivate: false })
    assert.ok(answer.kind === 'failed' && answer.why.includes(why), JSON.stringify(answer))
  })
}

// An issuer inside is no reason to ask for the credentials of the machine.
for (const host of [
  '169.254.169.254',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '100.100.100.200',
  '[::ffff:169.254.169.254]',
  '2852039166',
]) {
  test(`http://${host}/ is refused also where private addresses are asked`, async () => {
    const answer = await sendOutbound({ url: `http://${host}/`, ...BOUNDS })
    assert.ok(answer.kind === 'failed' && answer.why.includes('told about themselves'), JSON.stringify(answer))
  })
}

// A name is judged by the addresses that the connection would use, not by what it looks like.
test('a name that leads into a private network is refused', async () => {
  let asked = 0
  await using server = await serve(createServer(() => void (asked += 1)))
  const answer = await sendOutbound({ url: `https://localhost:${server.port}/`, ...BOUNDS, allowPrivate: false })
  assert.ok(answer.kind === 'failed' && answer.why.includes('private network'), JSON.stringify(answer))
  assert.equal(asked, 0)
})

test('an answer is given as it came', async () => {
  assert.equal(await ask((_, response) => response.writeHead(404).end('no')), '404 no')
})

test('a body is sent', async () => {
  const answer = await ask(
    (request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => response.end(`${request.method} ${text}`))
    },
    { method: 'POST', body: 'a=b' },
  )
  assert.equal(answer, '200 POST a=b')
})

test('a redirect is not followed', async () => {
  const answer = await ask((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end())
  assert.equal(answer, 'a redirect to http://127.0.0.1:1/ is not followed')
})

test('an answer that is too long is not read', async () => {
  const answer = await ask((_, response) => response.end('x'.repeat(1_001)))
  assert.equal(answer, 'the answer is longer than 1000 bytes')
})

test('an answer that does not end is not waited for', async () => {
  const answer = await ask((_, response) => void response.write('x'), { timeoutMs: 100 })
  assert.equal(answer, 'no whole answer within 100 ms')
})

test('an answer that nobody waits for any more is given up, also before it was asked for', async () => {
  const stop = new AbortController()
  // No bound but the signal: it would wait for a day.
  const patient = { signal: stop.signal, timeoutMs: 86_400_000 }
  const why = 'nobody waits for the answer any more'
  assert.equal(await ask(() => stop.abort(), patient), why)
  assert.equal(await ask(() => {}, patient), why)
})

test('a service that nobody runs is told as such', async () => {
  const answer = await sendOutbound({ url: 'http://127.0.0.1:1/', ...BOUNDS })
  assert.ok(answer.kind === 'failed' && answer.why.includes('ECONNREFUSED'), JSON.stringify(answer))
})

test('a certificate must be of an authority that is trusted', async () => {
  const made = await createSelfSigned({ hosts: ['localhost'], nowMs: Date.now(), lifeMs: 60_000 })
  const [chain, key] = [pem('CERTIFICATE', made.certificate), pem('PRIVATE KEY', made.privateKey)]
  await using server = await serve(createTlsServer({ cert: chain, key }, (_, response) => response.end('ok')))
  const url = `https://localhost:${server.port}/`
  const strange = await sendOutbound({ url, ...BOUNDS })
  assert.ok(strange.kind === 'failed' && /self-signed|certificate/i.test(strange.why), JSON.stringify(strange))
  const known = await sendOutbound({ url, ...BOUNDS, ca: chain })
  assert.equal(known.kind === 'answered' && known.body.toString(), 'ok')
})

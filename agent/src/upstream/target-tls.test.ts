/**
 * TLS to targets, through a whole agent and real handshakes: whom it trusts, and who it is.
 */
import assert from 'node:assert/strict'
import { rename, writeFile } from 'node:fs/promises'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { createAuthority, issueServerCertificate, type KeyedCertificate, pem } from '@headgate/kit/pki.ts'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { ca, clientCertificate, issue } from '#agent/testing/tls.ts'
import { shop } from '#agent/upstream/testing/shop.ts'

const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'
const folder = temporaryFolder('targets')

/** Answers with the serial number of the client's certificate. */
async function serve(
  keyed: KeyedCertificate,
  options: ServerOptions = {},
): Promise<{ port: number; asked: () => number } & AsyncDisposable> {
  const pair = { cert: pem('CERTIFICATE', keyed.certificate), key: pem('PRIVATE KEY', keyed.privateKey) }
  let asked = 0
  const server = createServer({ ...pair, ...options }, (request, response) => {
    asked += 1
    const { serialNumber } = (request.socket as TLSSocket).getPeerCertificate()
    response.end(serialNumber)
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  return {
    port: (server.address() as AddressInfo).port,
    asked: () => asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

async function statusOf(agent: TestAgent): Promise<number> {
  return (await sendRaw(agent.http, GET)).status
}

test('a target is trusted by the authority of the service, and by its name, not by its address', async (t) => {
  await using service = await serve(await issue('localhost'))
  const url = (host: string): string => `https://${host}:${service.port}`
  for (const [title, host, tls, status] of [
    ['the name of the target', 'localhost', { ca }, 200],
    ['another name than it has', '127.0.0.1', { ca }, 502],
    ['the name that the service says', '127.0.0.1', { ca, server_name: 'localhost' }, 200],
    ['another name than the service says', 'localhost', { ca, server_name: 'other.test' }, 502],
    ['an authority that nobody named', 'localhost', {}, 502],
  ] as const) {
    await t.test(title, async () => {
      await using agent = await startAgent({ objects: shop([url(host)], { tls }) })
      const before = service.asked()
      assert.equal(await statusOf(agent), status)
      assert.equal(service.asked() - before, status === 200 ? 1 : 0)
    })
  }
})

test('an authority of the same name with another key is not trusted', async () => {
  const life = { nowMs: Date.now(), lifeMs: 3_600_000 }
  const other = await createAuthority({ name: 'test authority', ...life })
  await using service = await serve(await issueServerCertificate(other, { hosts: ['localhost'], ...life }))
  await using agent = await startAgent({ objects: shop([`https://localhost:${service.port}`], { tls: { ca } }) })
  assert.equal(await statusOf(agent), 502)
})

test('an expired certificate is not trusted', async () => {
  const nowMs = Date.now() - 7_200_000
  await using service = await serve(await issue('localhost', { nowMs }))
  await using agent = await startAgent({ objects: shop([`https://localhost:${service.port}`], { tls: { ca } }) })
  assert.equal(await statusOf(agent), 502)
})

test('a target that speaks an old TLS is sent nothing', async () => {
  await using service = await serve(await issue('localhost'), {
    minVersion: 'TLSv1',
    maxVersion: 'TLSv1.1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  })
  await using agent = await startAgent({ objects: shop([`https://localhost:${service.port}`], { tls: { ca } }) })
  assert.deepEqual([await statusOf(agent), service.asked()], [502, 0])
})

test('an authority that cannot be read trusts nobody, and is told', async () => {
  await using service = await serve(await issue('localhost'))
  const broken = '-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n'
  const objects = shop([`https://localhost:${service.port}`], { tls: { ca: broken } })
  await using agent = await startAgent({ objects })
  assert.deepEqual([await statusOf(agent), service.asked()], [502, 0])
  assert.match(agent.logged(), /its TLS cannot be used/)
})

test('the agent presents its certificate, waits for a key that is not there yet, and says so', async () => {
  const client = await clientCertificate()
  await using service = await serve(await issue('localhost'), { ca, requestCert: true, rejectUnauthorized: true })
  const path = join(folder, 'client.key')
  const tls = { ca, certificate: { chain: client.cert, key: `file://${path}` } }
  await using agent = await startAgent({ objects: shop([`https://localhost:${service.port}`], { tls }) })
  const refused = await sendRaw(agent.http, GET)
  assert.equal(refused.status, 502)
  assert.match(agent.logged(), /client\.key cannot be read: ENOENT/)
  await writeFile(`${path}.new`, client.key, { mode: 0o600 })
  await rename(`${path}.new`, path)
  for (let waited = 0; waited < 20_000 && (await statusOf(agent)) !== 200; waited += 50) await sleep(50)
  const answered = await sendRaw(agent.http, GET)
  assert.equal(answered.status, 200)
  assert.match(answered.body, /^[0-9A-F]+$/)
})

import assert from 'node:assert/strict'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { createSelfSigned, pem } from '@headgate/kit/pki.ts'
import { createFetch } from './fetch.ts'
import { lookAtCertificate } from './pin.ts'

/** An HTTPS server with a certificate of its own for a name. */
async function serve(host: string): Promise<{ readonly port: number; readonly certificate: string }> {
  const made = await createSelfSigned({ hosts: [host], nowMs: Date.now(), lifeMs: 3_600_000 })
  const certificate = pem('CERTIFICATE', made.certificate)
  const server = createServer({ cert: certificate, key: pem('PRIVATE KEY', made.privateKey) }, (_request, response) => {
    response.end('here')
  })
  after(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, certificate }
}

const own = await serve('localhost')
const other = await serve('localhost')

test('the certificate that is known is accepted', async () => {
  await using pinned = await createFetch(`https://localhost:${own.port}`, own.certificate)
  const response = await pinned.fetch(`https://localhost:${own.port}`, {})
  assert.equal(await response.text(), 'here')
})

test('the certificate that is known is accepted under any name of the machine', async () => {
  await using pinned = await createFetch(`https://127.0.0.1:${own.port}`, own.certificate)
  assert.equal((await pinned.fetch(`https://127.0.0.1:${own.port}`, {})).status, 200)
})

test('another certificate for the same name is refused', async () => {
  await using pinned = await createFetch(`https://localhost:${other.port}`, own.certificate)
  await assert.rejects(pinned.fetch(`https://localhost:${other.port}`, {}))
})

test('a certificate that nobody vouches for is refused', async () => {
  await using pinned = await createFetch(`https://localhost:${own.port}`, undefined)
  await assert.rejects(pinned.fetch(`https://localhost:${own.port}`, {}))
})

test('looking at a certificate tells its fingerprint and that nobody vouches for it', async () => {
  const presented = await lookAtCertificate(`https://localhost:${own.port}`)
  assert.equal(presented.trusted, false)
  assert.match(presented.fingerprint, /^sha256:[0-9a-f]{64}$/)
  await using pinned = await createFetch(`https://localhost:${own.port}`, presented.pem)
  assert.equal((await pinned.fetch(`https://localhost:${own.port}`, {})).status, 200)
})

test('a server without TLS is named as out of reach', async () => {
  await assert.rejects(lookAtCertificate('https://127.0.0.1:1'), /cannot be reached/)
})

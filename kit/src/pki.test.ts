import assert from 'node:assert/strict'
import { X509Certificate, createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import test from 'node:test'
import tls from 'node:tls'
import {
  CLIENT_LIFE_MS_MAX,
  certificatePin,
  createAuthority,
  createCertificateRequest,
  createPrivateKeyDer,
  createSelfSigned,
  issueClientCertificate,
  issueServerCertificate,
  pem,
  readCertificateRequest,
} from './pki.ts'

const HOUR_MS = 3_600_000
const URI = 'spiffe://example/thing/1'

async function clientFor(authority: Awaited<ReturnType<typeof createAuthority>>) {
  const privateKey = await createPrivateKeyDer()
  const read = await readCertificateRequest(await createCertificateRequest(privateKey))
  assert.equal(read.kind, 'ok')
  const certificate = await issueClientCertificate(authority, {
    publicKey: read.kind === 'ok' ? read.publicKey : new Uint8Array(),
    uri: URI,
    nowMs: Date.now(),
    lifeMs: HOUR_MS,
  })
  return { certificate, privateKey }
}

test('a client certificate is for the key of the request, carries one URI and the client usage, and reaches back 5 minutes', async () => {
  const authority = await createAuthority({ name: 'test', nowMs: Date.now(), lifeMs: HOUR_MS })
  const { certificate, privateKey } = await clientFor(authority)
  const read = new X509Certificate(certificate)
  assert.equal(read.subjectAltName, `URI:${URI}`)
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(read.ca, false)
  assert.equal(read.subject || '', '')
  assert.ok(read.checkPrivateKey(createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' })))
  assert.ok(read.verify(new X509Certificate(authority.certificate).publicKey))
  assert.ok(read.validToDate.getTime() - read.validFromDate.getTime() <= HOUR_MS + 5 * 60_000)
  assert.ok(read.validFromDate.getTime() < Date.now() - 4 * 60_000)
})

test('a client certificate for longer than 24 hours is never made', async () => {
  const authority = await createAuthority({ name: 'test', nowMs: Date.now(), lifeMs: HOUR_MS })
  const request = await readCertificateRequest(await createCertificateRequest(await createPrivateKeyDer()))
  assert.ok(request.kind === 'ok')
  const subject = { publicKey: request.publicKey, uri: URI, nowMs: Date.now(), lifeMs: CLIENT_LIFE_MS_MAX + 1 }
  await assert.rejects(issueClientCertificate(authority, subject), RangeError)
})

// Without proof of possession somebody could have a certificate made for another's key. The parser forgives a wrong
// outer length, which changes nothing about what is proven.
test('a request that was changed in any byte is refused, or proves the same key', async () => {
  const request = await createCertificateRequest(await createPrivateKeyDer())
  const original = await readCertificateRequest(request)
  let refused = 0
  for (let at = 0; at < request.length; at += 1) {
    const changed = new Uint8Array(request)
    changed[at] = (changed[at] ?? 0) ^ 1
    const read = await readCertificateRequest(changed)
    if (read.kind === 'invalid') refused += 1
    else assert.deepEqual(read, original, `byte ${at}`)
  }
  assert.ok(refused > request.length - 5)
})

test('a request that is empty, too long, cut or not one is refused without a throw', async () => {
  const request = await createCertificateRequest(await createPrivateKeyDer())
  for (const bytes of [
    new Uint8Array(),
    new Uint8Array(9000),
    request.slice(0, 50),
    Buffer.from('hello'),
    request.slice(1),
  ]) {
    assert.equal((await readCertificateRequest(bytes)).kind, 'invalid')
  }
})

test('a request for a key other than P-256 is refused', async () => {
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, [
    'sign',
    'verify',
  ])
  const der = new Uint8Array(await crypto.subtle.exportKey('pkcs8', privateKey))
  await assert.rejects(createCertificateRequest(der))
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  await assert.rejects(createCertificateRequest(new Uint8Array(rsa.export({ format: 'der', type: 'pkcs8' }))))
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509')
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign', 'verify'])
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
  })
  const read = await readCertificateRequest(new Uint8Array(request.rawData))
  assert.deepEqual(read, { kind: 'invalid', problem: 'the key of the certificate request is not ECDSA P-256' })
})

async function handshake(server: tls.TlsOptions, client: tls.ConnectionOptions): Promise<boolean> {
  const listener = tls.createServer({ ...server, requestCert: true, rejectUnauthorized: true }, (socket) =>
    socket.end('hello'),
  )
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  assert.ok(address !== null && typeof address === 'object')
  const socket = tls.connect({ host: '127.0.0.1', port: address.port, servername: 'link.test', ...client })
  try {
    const [data] = await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => [null])])
    return data !== null
  } catch {
    return false
  } finally {
    socket.destroy()
    listener.close()
  }
}

test('client and server certificates of one authority open a TLS connection, and none of another does', async () => {
  const nowMs = Date.now()
  const authority = await createAuthority({ name: 'one', nowMs, lifeMs: HOUR_MS })
  const other = await createAuthority({ name: 'one', nowMs, lifeMs: HOUR_MS })
  const server = await issueServerCertificate(authority, { hosts: ['link.test'], nowMs, lifeMs: HOUR_MS })
  const client = await clientFor(authority)
  const stranger = await clientFor(other)
  const tlsOf = (keyed: { certificate: Uint8Array; privateKey: Uint8Array }, ca: Uint8Array) => ({
    cert: pem('CERTIFICATE', keyed.certificate),
    key: pem('PRIVATE KEY', keyed.privateKey),
    ca: pem('CERTIFICATE', ca),
  })
  assert.equal(await handshake(tlsOf(server, authority.certificate), tlsOf(client, authority.certificate)), true)
  assert.equal(await handshake(tlsOf(server, authority.certificate), tlsOf(stranger, authority.certificate)), false)
  assert.equal(await handshake(tlsOf(server, authority.certificate), tlsOf(client, other.certificate)), false)
  // A client certificate must not serve as the server's, or any agent could stand in for the control plane.
  assert.equal(await handshake(tlsOf(client, authority.certificate), tlsOf(client, authority.certificate)), false)
  // Nor the other way round.
  assert.equal(await handshake(tlsOf(server, authority.certificate), tlsOf(server, authority.certificate)), false)
})

test('a self-signed certificate serves its names and addresses and is no authority', async () => {
  const made = await createSelfSigned({ hosts: ['localhost', '127.0.0.1', '::1'], nowMs: Date.now(), lifeMs: HOUR_MS })
  const read = new X509Certificate(made.certificate)
  assert.equal(read.checkHost('localhost'), 'localhost')
  assert.equal(read.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(read.checkIP('::1'), '::1')
  assert.equal(read.ca, false)
  assert.ok(read.verify(read.publicKey))
})

test('two authorities of the same name have different pins', async () => {
  const [one, two] = await Promise.all(
    [1, 2].map(() => createAuthority({ name: 'same', nowMs: Date.now(), lifeMs: HOUR_MS })),
  )
  assert.ok(one && two)
  assert.equal(certificatePin(one.certificate).length, 32)
  assert.notDeepEqual(certificatePin(one.certificate), certificatePin(two.certificate))
})

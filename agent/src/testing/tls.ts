/**
 * Certificates for tests, the objects that hold them, and handshakes of real clients.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { request, type RequestOptions } from 'node:https'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import type { ObjectInput } from '@headgate/core'
import {
  createAuthority,
  createCertificateRequest,
  createPrivateKeyDer,
  issueClientCertificate,
  issueServerCertificate,
  type KeyedCertificate,
  pem,
  readCertificateRequest,
} from '@headgate/kit/pki.ts'
import { temporaryFolder } from '@headgate/kit/testing.ts'

const folder = temporaryFolder('tls')
const life = { nowMs: Date.now(), lifeMs: 3_600_000 }

export const authority = await createAuthority({ name: 'test authority', ...life })
/** Its certificate in PEM, for clients. */
export const ca = pem('CERTIFICATE', authority.certificate)

export async function issue(host: string, times: Partial<typeof life> = {}): Promise<KeyedCertificate> {
  return await issueServerCertificate(authority, { hosts: [host], ...life, ...times })
}

/** A certificate object whose key lies in a file. @param more fields of its spec. */
export async function certificate(
  name: string,
  host: string,
  keyed: KeyedCertificate,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Omit<ObjectInput, 'origin'>> {
  const path = join(folder, `${crypto.randomUUID()}.key`)
  await writeFile(path, pem('PRIVATE KEY', keyed.privateKey), { mode: 0o600 })
  const chain = pem('CERTIFICATE', keyed.certificate)
  return { kind: 'certificate', name, spec: { hosts: [host], chain, key: `file://${path}`, ...more } }
}

/** What a client with a certificate of an authority connects with. */
export async function clientCertificate(
  of: KeyedCertificate = authority,
  { nowMs = Date.now(), lifeMs = 3_600_000, uri = 'spiffe://acme/ci' } = {},
): Promise<{ readonly cert: string; readonly key: string }> {
  const key = await createPrivateKeyDer()
  const request = await readCertificateRequest(await createCertificateRequest(key))
  if (request.kind === 'invalid') throw new Error(request.problem)
  const subject = { publicKey: request.publicKey, uri, nowMs, lifeMs }
  return { cert: pem('CERTIFICATE', await issueClientCertificate(of, subject)), key: pem('PRIVATE KEY', key) }
}

/** What came of a handshake. */
export interface Shaken {
  /** Certificate that was presented, in DER. */
  readonly certificate: Buffer
  readonly protocol: string | null
  readonly cipher: string
  readonly isReused: boolean
  /** The last ticket that came before the answer; undefined: none. */
  readonly ticket: Buffer | undefined
  /** Status of the answer to one request. */
  readonly status: number
}

/** One handshake and one request. Rejects when the handshake fails, or the connection ends before the answer. */
export async function shake(url: string, servername: string, more: ConnectionOptions = {}): Promise<Shaken> {
  const { hostname: host, port } = new URL(url)
  return await new Promise((resolve, reject) => {
    let ticket: Buffer | undefined
    const socket = connect({ host, port: Number(port), servername, ca, ...more }, () => {
      socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\n\r\n`)
    })
    socket.on('session', (session) => (ticket = session))
    socket.on('data', (chunk: Buffer) => {
      const status = Number(/^HTTP\/1.1 (\d{3})/.exec(chunk.toString('latin1'))?.[1])
      const [certificate, protocol] = [socket.getPeerCertificate().raw, socket.getProtocol()]
      const isReused = socket.isSessionReused()
      resolve({ certificate, protocol, cipher: socket.getCipher().name, isReused, ticket, status })
      socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection ended')))
  })
}

/** Status of one request over a connection of its own. @param host default: the server name. */
export async function get(
  url: string,
  servername: string,
  more: RequestOptions = {},
  host = servername,
): Promise<number> {
  const { hostname, port } = new URL(url)
  return await new Promise((resolve, reject) => {
    const options = { host: hostname, port, servername, ca, headers: { host }, agent: false, ...more }
    const outgoing = request(options, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
    outgoing.on('error', reject).end()
  })
}

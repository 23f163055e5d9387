/**
 * The sockets on which requests arrive: HTTP, and HTTPS with the certificates of the live releases.
 *
 * @module
 */
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import { createEngine, type Engine, type EngineOptions, serverOptions } from '#agent/http/node-engine.ts'
import { type Certificates, CIPHERS } from './certificates.ts'

export interface Listener extends Engine {
  /** Such as `http://127.0.0.1:8080`, with the port that the system chose. */
  readonly url: string
}

/** @throws when the address cannot be listened on. */
export async function listenHttp(address: ListenAddress, options: Omit<EngineOptions, 'scheme'>): Promise<Listener> {
  const server = createServer(serverOptions(options.settings))
  const engine = createEngine(server, { ...options, scheme: 'http' })
  return await listen(server, engine, address, 'http')
}

/**
 * Without a certificate for the name that a client asks for, the handshake fails: nothing is presented in its place.
 * A client that names no server is refused in the same way.
 *
 * @throws when the address cannot be listened on.
 */
export async function listenHttps(
  address: ListenAddress,
  certificates: Certificates,
  options: Omit<EngineOptions, 'scheme'>,
): Promise<Listener> {
  const { log, settings, onMalformed } = options
  const server = createTlsServer({
    ...serverOptions(settings),
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: settings.headTimeoutMs,
    SNICallback: (serverName: string, done: (error: Error | null, context?: SecureContext) => void) => {
      const context = certificates.find(serverName)
      if (context !== null) {
        done(null, context)
        return
      }
      done(new Error('no certificate for this name'))
    },
  })
  let told = 0
  server.on('tlsClientError', (error, socket) => {
    onMalformed('tls_failed')
    const nowMs = options.clock.monotonic()
    // Anybody can make handshakes fail: one line every few seconds says enough.
    if (told !== 0 && nowMs - told < HANDSHAKE_LOG_PAUSE_MS) return
    told = nowMs
    log.warn({ why: error.message, address: socket.remoteAddress }, 'a TLS handshake failed')
  })
  const engine = createEngine(server, { ...options, scheme: 'https' })
  return await listen(server, engine, address, 'https')
}

const HANDSHAKE_LOG_PAUSE_MS = 5_000

/** Connections that the system holds for us while the process is busy. */
const BACKLOG = 4_096

async function listen(server: Server, engine: Engine, address: ListenAddress, scheme: string): Promise<Listener> {
  const { host, port } = address
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A server that listens on TCP has such an address.
  const { port: chosen } = server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `${scheme}://${name}:${chosen}`,
    get connections() {
      return engine.connections
    },
    drain: async (longestMs) => await engine.drain(longestMs),
  }
}

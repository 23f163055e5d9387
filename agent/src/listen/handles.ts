/**
 * Takes accepted sockets over so that they read into given memory (`onread`), as sockets that we open do.
 *
 * Node offers that for the second kind only. An accepted socket gets it by wrapping its handle in another socket, which
 * is not documented; nor is it that a handle of TLS is done with what it is given when it returns. Both are tried once
 * at start, and nothing relies on them where the trial fails.
 *
 * @module
 */
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'

/** Longest wait for the trial of wrapped handles, in milliseconds. */
const TRIAL_MS_MAX = 1_000

export interface OnRead {
  /** Shared by all sockets: what lies there is gone when the callback returns. */
  readonly buffer: Uint8Array
  readonly callback: (bytes: number) => boolean
}

/** @returns null when the socket has no handle where it used to be; then it is as it was. */
export function wrapAccepted(accepted: Socket, onread: OnRead): Socket | null {
  const handle = takeHandle(accepted)
  if (handle === null) return null
  const wrapped = wrap(handle, onread)
  // What began with the first socket ends with it: its server counts it.
  accepted.destroy()
  return wrapped
}

/**
 * The first socket stays behind the handle and ends with the socket below it: it owns what TLS has in memory. A second
 * handshake on the connection (TLS 1.2) would be told to it, so it ends the connection instead.
 *
 * @returns null as above, or when something was read already.
 */
export function wrapSecured(secured: TLSSocket, onread: OnRead): Socket | null {
  if (secured.readableLength > 0 || secured.writableLength > 0) return null
  const handle = takeHandle(secured)
  if (handle === null) return null
  const wrapped = wrap(handle, onread)
  const onhandshakestart = (): void => void wrapped.destroy()
  Object.assign(handle, { onhandshakestart, onhandshakedone: () => {} })
  return wrapped
}

/** @returns a socket like any other in place of one that was wrapped; the same one when it has no handle. */
export function unwrap(wrapped: Socket): Socket {
  const handle = takeHandle(wrapped)
  if (handle === null) return wrapped
  // The types do not know that a handle may be given.
  const options: object = { handle }
  const socket = new Socket(options)
  wrapped.destroy()
  return socket
}

function wrap(handle: object, onread: OnRead): Socket {
  // The types do not know that a handle may be given.
  const options: object = { handle, allowHalfOpen: true, onread }
  return new Socket(options)
}

function takeHandle(socket: Socket): object | null {
  const inside = socket as unknown as { _handle?: unknown }
  const { _handle: handle } = inside
  if (typeof handle !== 'object' || handle === null) return null
  inside._handle = null
  return handle
}

const KEY = Buffer.from('only for the trial')
const SENT = 'trial'

/** Tries over the loopback interface whether wrapped handles read into given memory, write, and end. */
export async function canWrapHandles(): Promise<boolean> {
  const [plain, secured] = await Promise.all([tryWrapped(false), tryWrapped(true)])
  return plain && secured
}

async function tryWrapped(isSecured: boolean): Promise<boolean> {
  const memory = Buffer.alloc(64)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const fail = (): void => resolve(false)
  const timer = setTimeout(fail, TRIAL_MS_MAX)
  const sockets: Socket[] = []
  const serve = (accepted: Socket): void => {
    const callback = (bytes: number): boolean => {
      wrapped?.write(memory.subarray(0, bytes))
      // What TLS was given may change at once. A plain socket that has taken everything holds nothing either.
      memory.fill(0, 0, bytes)
      wrapped?.end()
      return true
    }
    const onread = { buffer: memory, callback }
    const wrapped = isSecured ? wrapSecured(accepted as TLSSocket, onread) : wrapAccepted(accepted, onread)
    if (wrapped === null) return fail()
    sockets.push(wrapped.on('error', fail).resume())
  }
  // A key that both know in advance makes a handshake without a certificate (RFC 4279).
  const options = { ciphers: 'PSK-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' } as const
  const server = isSecured
    ? createTlsServer({ ...options, pskCallback: () => KEY }, guarded(serve, fail)).on('tlsClientError', fail)
    : createServer({ pauseOnConnect: true }, guarded(serve, fail))
  server.on('error', fail).listen(0, '127.0.0.1', () => {
    // A server that listens on TCP has such an address.
    const { port } = server.address() as AddressInfo
    const to = { host: '127.0.0.1', port }
    const client = isSecured
      ? connectTls({
          ...to,
          ...options,
          pskCallback: () => ({ psk: KEY, identity: '' }),
          checkServerIdentity: () => undefined,
        })
      : connect(to)
    sockets.push(client)
    let echo = ''
    client.on('error', fail)
    client.on('data', (bytes: Buffer) => void (echo += bytes.toString('latin1')))
    client.on('end', () => resolve(echo === SENT))
    client.write(SENT)
  })
  const works = await promise
  clearTimeout(timer)
  for (const socket of sockets) socket.destroy()
  server.close()
  return works
}

function guarded(serve: (socket: Socket) => void, fail: () => void): (socket: Socket) => void {
  return (socket) => {
    try {
      serve(socket)
    } catch {
      fail()
    }
  }
}

/**
 * Connections that are opened, used once and then only held.
 *
 * @module
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Connections that are being opened at once. */
const AT_ONCE = 100
/** Longest wait for one answer, in milliseconds. */
const TIMEOUT_MS = 10_000

export interface HeldConnections extends AsyncDisposable {
  readonly connections: number
}

/** Opens so many, and returns when each has been answered. @throws when one is not. */
export async function holdConnections(url: string, count: number): Promise<HeldConnections> {
  const { hostname, port, pathname } = new URL(url)
  const head = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`
  const sockets: Socket[] = []
  const open = async (): Promise<void> => {
    const socket = connect({ host: hostname, port: Number(port) })
    sockets.push(socket)
    socket.write(head)
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Buffer]
    if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(`${url} does not answer 200`)
    socket.on('error', () => {}).resume()
  }
  const dispose = async (): Promise<void> => {
    const open = sockets.filter(({ closed }) => !closed)
    const closed = Promise.all(open.map(async (socket) => await once(socket, 'close')))
    for (const socket of open) socket.destroy()
    await closed
  }
  try {
    for (let opened = 0; opened < count; opened += AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, open))
    }
  } catch (thrown) {
    await dispose()
    throw thrown
  }
  return { connections: count, [Symbol.asyncDispose]: dispose }
}

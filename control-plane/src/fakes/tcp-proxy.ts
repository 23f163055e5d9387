/**
 * For tests: a TCP proxy before a server, which can be cut, frozen and healed.
 *
 * @module
 */
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Ends all connections and refuses new ones. */
  cut(): void
  /** Keeps connections and takes new ones, and lets nothing through. */
  freeze(): void
  heal(): void
}

export async function startTcpProxy(targetHost: string, targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let state: 'open' | 'cut' | 'frozen' = 'open'
  const server = createServer((client) => {
    if (state === 'cut') {
      client.destroy()
      return
    }
    const target = connect(targetPort, targetHost)
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (part) => state === 'open' && to.write(part))
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('error', () => to.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    // A listening TCP server has an address with a port.
    port: (server.address() as AddressInfo).port,
    cut: () => {
      state = 'cut'
      endAll()
    },
    freeze: () => (state = 'frozen'),
    heal: () => {
      // What was held back is lost, and with it the connection's sense.
      if (state === 'frozen') endAll()
      state = 'open'
    },
    [Symbol.asyncDispose]: async () => {
      endAll()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

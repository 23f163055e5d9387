/**
 * A service on Node's own server, for answers that do not fit into a text.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'

/** @param upgrade takes connections that become something else. @returns once it listens on loopback. */
export async function serveNode(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
  upgrade: ((request: IncomingMessage, socket: Duplex, head: Buffer) => void) | null = null,
): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer(handler)
  if (upgrade !== null) server.on('upgrade', upgrade)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

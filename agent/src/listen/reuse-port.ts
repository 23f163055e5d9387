/**
 * Whether several threads of this machine can listen on one address, and whether an address is free for us.
 *
 * With `SO_REUSEPORT` the kernel deals new connections out among all who listen. It also lets a second agent of the
 * same user listen where a first one does, without a word; so each address is first listened on alone.
 *
 * Source: socket(7), `net.Server.listen` of Node (`reusePort`).
 *
 * @module
 */
import { createServer } from 'node:net'
import type { ListenAddress } from '@headgate/kit/settings.ts'

/** Not on every system. */
export async function canReusePort(): Promise<boolean> {
  try {
    await listenOnce({ host: '127.0.0.1', port: 0 }, true)
    return true
  } catch {
    return false
  }
}

/** @throws when somebody else listens there, or nobody can. */
export async function assertFree(address: ListenAddress): Promise<void> {
  await listenOnce(address, false)
}

async function listenOnce({ host, port }: ListenAddress, reusePort: boolean): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, reusePort }, resolve)
  })
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
}

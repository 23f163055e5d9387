/**
 * Free TCP ports on 127.0.0.1 that stay free while a server is down.
 *
 * They lie below the range from which the system takes ports for outgoing connections: a test that kills a server
 * and starts it again on its port must not find a client there.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/** Linux and macOS take outgoing ports from 32768 on. */
const RANGE = { from: 20_000, to: 32_000 } as const

const given = new Set<number>()

/** A port that nobody listens on, given out once per process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(RANGE.from, RANGE.to)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error(`no free port from ${RANGE.from} to ${RANGE.to}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer()
    server.once('error', () => settle(false))
    server.listen(port, '127.0.0.1', () => server.close(() => settle(true)))
  })
}

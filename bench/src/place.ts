/**
 * A folder and ports of one run.
 *
 * @module
 */
import { rmSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'

/** Folder of the repository, with `/` at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Below the range from which the system takes ports for outgoing connections. */
const PORTS = { from: 20_000, to: 32_000 } as const

export interface Folder extends AsyncDisposable {
  readonly path: string
}

/** Removed when the run is done, also when its process ends otherwise. */
export async function createFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'headgate-bench-'))
  // Workers of nginx are somebody else, and read what the service answers.
  await chmod(path, 0o711)
  const quit = (): void => rmSync(path, { recursive: true, force: true })
  process.once('exit', quit)
  return {
    path,
    async [Symbol.asyncDispose]() {
      process.off('exit', quit)
      await rm(path, { recursive: true, force: true })
    },
  }
}

const given = new Set<number>()

/** A port on 127.0.0.1 that nobody listens on, given out once. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = randomInt(PORTS.from, PORTS.to)
    if (given.has(port)) continue
    given.add(port)
    if (await isFree(port)) return port
  }
  throw new Error('no free port')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((settle) => {
    const server = createServer()
    server.once('error', () => settle(false))
    server.listen(port, '127.0.0.1', () => server.close(() => settle(true)))
  })
}

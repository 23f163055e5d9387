/**
 * Starts the service of `slow-service.ts`.
 *
 * @module
 */
import { ROOT, freePort } from '../place.ts'
import { LOAD_CORE, startProgram, untilReady } from '../program.ts'
import type { Peer } from './peer.ts'

export async function startSlowService(): Promise<Peer> {
  const httpPort = await freePort()
  const script = `${ROOT}bench/src/peers/slow-service.ts`
  const command = [process.execPath, script, String(httpPort)]
  const program = await startProgram({ name: 'slow service', core: LOAD_CORE, command })
  await untilReady(program, async () => (await fetch(`http://127.0.0.1:${httpPort}/`)).status === 200)
  const { name, pid } = program
  return { name, pid, httpPort, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

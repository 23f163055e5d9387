/**
 * Starts the small proxy of `node-proxy.ts`.
 *
 * @module
 */
import { ROOT, freePort } from '../place.ts'
import { PROXY_CORE, startProgram, untilReady } from '../program.ts'
import type { Peer, PeerOptions } from './peer.ts'

/** Forwards everything, over HTTP. */
export async function startPlainNode({ upstreamUrl }: PeerOptions): Promise<Peer> {
  const httpPort = await freePort()
  const script = `${ROOT}bench/src/peers/node-proxy.ts`
  const program = await startProgram({
    name: 'node:http',
    core: PROXY_CORE,
    command: [process.execPath, script, String(httpPort), new URL(upstreamUrl).port],
  })
  await untilReady(program, async () => (await fetch(`http://127.0.0.1:${httpPort}/`)).status === 200)
  const { name, pid } = program
  return { name, pid, httpPort, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

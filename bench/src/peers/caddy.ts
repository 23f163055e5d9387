/**
 * Caddy as a proxy: one processor, kept connections on both sides, no log.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../place.ts'
import { PROXY_CORE, startProgram, untilReady } from '../program.ts'
import { SLOW_PATH } from '../release.ts'
import type { Peer, PeerOptions } from './peer.ts'

/** Forwards everything, over HTTP and HTTPS. */
export async function startCaddy({ directory, upstreamUrl, slowUrl, certificate }: PeerOptions): Promise<Peer> {
  const [httpPort, httpsPort] = [await freePort(), await freePort()]
  const folder = join(directory, 'caddy')
  await mkdir(folder, { recursive: true })
  const transport = 'transport http {\n    keepalive_idle_conns_per_host 1024\n  }'
  const proxies = `
  @slow path ${SLOW_PATH}
  reverse_proxy @slow ${slowUrl} {
  ${transport}
  }
  reverse_proxy ${upstreamUrl} {
  ${transport}
  }`
  const config = join(folder, 'Caddyfile')
  await writeFile(
    config,
    `{
  admin off
  auto_https off
  default_bind 127.0.0.1
}
http://:${httpPort} {${proxies}
}
https://localhost:${httpsPort} {
  tls ${certificate.chainFile} ${certificate.keyFile}${proxies}
}
`,
  )
  const program = await startProgram({
    name: 'caddy',
    core: PROXY_CORE,
    command: ['caddy', 'run', '--adapter', 'caddyfile', '--config', config],
    env: { GOMAXPROCS: '1', XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
  })
  await untilReady(program, async () => (await fetch(`http://127.0.0.1:${httpPort}/`)).status === 200)
  const { name, pid } = program
  return { name, pid, httpPort, httpsPort, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

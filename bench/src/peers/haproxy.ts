/**
 * HAProxy as a proxy: one thread, kept connections on both sides.
 *
 * @module
 */
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../place.ts'
import { PROXY_CORE, startProgram, untilReady } from '../program.ts'
import { routePrefix, SLOW_PATH } from '../release.ts'
import type { Peer, PeerOptions } from './peer.ts'

/** Forwards everything, over HTTP and HTTPS. */
export async function startPlainHaproxy(options: PeerOptions): Promise<Peer> {
  const [httpPort, httpsPort] = [await freePort(), await freePort()]
  const frontend = `
  bind 127.0.0.1:${httpPort}
  bind 127.0.0.1:${httpsPort} ssl crt ${options.certificate.bothFile} alpn h2,http/1.1`
  const directory = join(options.directory, 'haproxy-plain')
  return start(directory, options, { name: 'haproxy', frontend, httpPort, httpsPort, log: false })
}

/** Finds the route, proves the key, counts by consumer; with `log`, writes a line of JSON per request. */
export async function startPolicyHaproxy(options: PeerOptions, log: boolean): Promise<Peer> {
  const httpPort = await freePort()
  const directory = join(options.directory, log ? 'haproxy-policy' : 'haproxy-policy-no-log')
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const file = (name: string): string => join(directory, name)
  const routes = Array.from({ length: options.routes }, (_, index) => `${routePrefix(index)} things-${index}`)
  await writeFile(file('keys.map'), options.keys.map(({ text, consumer }) => `${text} ${consumer}\n`).join(''))
  await writeFile(file('routes.map'), `${routes.join('\n')}\n`)
  const fields = [
    '"time":"%Ts.%ms","address":"%ci","method":"%HM","path":"%HP","status":%ST,"consumer":"%[var(txn.consumer)]"',
    '"route":"%[var(txn.route)]","bytes":%B,"ms":%Ta,"upstream_ms":%Tr',
  ]
  const frontend = `
  bind 127.0.0.1:${httpPort}
  ${log ? `log global\n  log-format '{${fields.join(',')}}'` : ''}
  http-request set-var(txn.consumer) req.hdr(x-api-key),map_str(${file('keys.map')})
  http-request deny deny_status 401 unless { var(txn.consumer) -m found }
  http-request set-var(txn.route) path,map_beg(${file('routes.map')})
  http-request deny deny_status 404 unless { var(txn.route) -m found }
  http-request track-sc0 var(txn.consumer) table consumers
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1000000000 }
  http-request del-header x-api-key`
  const name = log ? 'haproxy' : 'haproxy, no log'
  return start(directory, options, { name, frontend, httpPort, log })
}

interface Server {
  readonly name: string
  readonly frontend: string
  readonly httpPort: number
  readonly httpsPort?: number
  readonly log: boolean
}

async function start(directory: string, options: PeerOptions, server: Server): Promise<Peer> {
  const { name, frontend, httpPort, httpsPort, log } = server
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const [config, logFile] = [join(directory, 'haproxy.cfg'), join(directory, 'access.log')]
  await writeFile(
    config,
    `global
  nbthread 1
  maxconn 16384
  no strict-limits
  ${log ? 'log stdout format raw local0' : ''}
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
  option forwardfor
frontend clients${frontend}
  use_backend slow if { path ${SLOW_PATH} }
  default_backend service
backend service
  server one ${new URL(options.upstreamUrl).host} pool-max-conn -1
backend slow
  server one ${new URL(options.slowUrl).host} pool-max-conn -1
backend consumers
  stick-table type string len 32 size 100k expire 1m store http_req_rate(60s)
`,
  )
  const program = await startProgram({
    name,
    core: PROXY_CORE,
    command: ['haproxy', '-db', '-f', config],
    ...(log && { stdoutFile: logFile }),
  })
  await untilReady(program, async () => (await fetch(`http://127.0.0.1:${httpPort}/`)).status < 500)
  const { pid } = program
  const peer = { name, pid, httpPort, httpsPort, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
  return log ? { ...peer, clear: () => truncate(logFile) } : peer
}

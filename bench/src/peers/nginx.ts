/**
 * nginx: as the service behind all proxies, and as one of them.
 *
 * As a proxy it has one worker process with everything that makes it fast: kept connections on both sides, no
 * log (plain) or a buffered one (policy). Its keys are compared as they are; ours are hashed first.
 *
 * @module
 */
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../place.ts'
import { LOAD_CORE, PROXY_CORE, startProgram, untilReady } from '../program.ts'
import { LARGE_PATH, routePrefix, SLOW_PATH } from '../release.ts'
import type { Peer, PeerOptions } from './peer.ts'

/** What the service answers: 1 KiB. */
export const BODY = 'headgate'.repeat(128)

/** Connections are never ended because of their age: the proxies would differ in that only. */
const REQUESTS_MAX = 1_000_000_000

/** Body of the large row, in bytes. */
const LARGE_BYTES = 1_048_576

/** The service. */
export async function startUpstream(run: string): Promise<Peer> {
  const httpPort = await freePort()
  const directory = join(run, 'upstream')
  await mkdir(directory, { recursive: true, mode: 0o755 })
  await writeFile(join(directory, 'large'), BODY.repeat(LARGE_BYTES / BODY.length), { mode: 0o644 })
  const server = `
  access_log off;
  server {
    listen 127.0.0.1:${httpPort} backlog=1024;
    default_type text/plain;
    location = ${LARGE_PATH} { root ${directory}; }
    location / { return 200 '${BODY}'; }
  }`
  return startNginx(directory, { name: 'upstream', core: LOAD_CORE, server, httpPort })
}

/** Forwards everything, over HTTP and HTTPS. */
export async function startPlainNginx(options: PeerOptions): Promise<Peer> {
  const [httpPort, httpsPort] = [await freePort(), await freePort()]
  const { chainFile, keyFile } = options.certificate
  const server = `
  access_log off;
  ${upstreamBlock(options)}
  server {
    listen 127.0.0.1:${httpPort} backlog=1024;
    listen 127.0.0.1:${httpsPort} ssl http2 backlog=1024;
    ssl_certificate ${chainFile};
    ssl_certificate_key ${keyFile};
    ssl_protocols TLSv1.2 TLSv1.3;
    location = ${SLOW_PATH} { proxy_pass http://slow; }
    location / { proxy_pass http://service; }
  }`
  const directory = join(options.directory, 'nginx-plain')
  return startNginx(directory, { name: 'nginx', core: PROXY_CORE, server, httpPort, httpsPort })
}

/** Finds the route, proves the key, counts by consumer; with `log`, writes a line of JSON per request. */
export async function startPolicyNginx(options: PeerOptions, log: boolean): Promise<Peer> {
  const httpPort = await freePort()
  const name = log ? 'nginx' : 'nginx, no log'
  const directory = join(options.directory, log ? 'nginx-policy' : 'nginx-policy-no-log')
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const keys = options.keys.map(({ text, consumer }) => `${text} ${consumer};`)
  await writeFile(join(directory, 'keys.map'), keys.join('\n'), { mode: 0o644 })
  const logFile = join(directory, 'access.log')
  const locations = Array.from({ length: options.routes }, (_, index) => {
    const prefix = routePrefix(index)
    return `location ${prefix.endsWith('/') ? '' : '= '}${prefix} { set $route things-${index}; proxy_pass http://service; }`
  })
  const server = `
  log_format record escape=json '{"time":"$msec","id":"$request_id","address":"$remote_addr","method":"$request_method",'
    '"host":"$host","path":"$uri","status":$status,"consumer":"$consumer","route":"$route","bytes":$body_bytes_sent,'
    '"seconds":$request_time,"upstream_seconds":"$upstream_response_time"}';
  access_log ${log ? `${logFile} record buffer=64k flush=1s` : 'off'};
  map_hash_max_size 262144;
  map_hash_bucket_size 256;
  map $http_x_api_key $consumer { default ''; include ${join(directory, 'keys.map')}; }
  limit_req_zone $consumer zone=consumers:10m rate=100000r/s;
  ${upstreamBlock(options)}
  server {
    listen 127.0.0.1:${httpPort} backlog=1024;
    if ($consumer = '') { return 401; }
    limit_req zone=consumers burst=100000 nodelay;
    limit_req_status 429;
    proxy_set_header X-Api-Key '';
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Connection '';
    ${locations.join('\n    ')}
    location / { return 404; }
  }`
  const peer = await startNginx(directory, { name, core: PROXY_CORE, server, httpPort })
  return log ? { ...peer, clear: () => truncate(logFile) } : peer
}

/** How the services are reached. */
export function upstreamBlock({ upstreamUrl, slowUrl }: PeerOptions): string {
  const upstream = (name: string, url: string): string => `upstream ${name} {
    server ${new URL(url).host};
    keepalive 1024;
    keepalive_requests ${REQUESTS_MAX};
  }`
  return `${upstream('service', upstreamUrl)}
  ${upstream('slow', slowUrl)}
  proxy_http_version 1.1;
  proxy_set_header Connection '';
  proxy_set_header X-Forwarded-For $remote_addr;`
}

interface Server {
  readonly name: string
  /** Directives in front of all blocks. */
  readonly main?: string
  readonly core: number
  readonly server: string
  readonly httpPort: number
  readonly httpsPort?: number
}

/** Starts nginx with one worker, and returns when it answers. */
export async function startNginx(directory: string, options: Server): Promise<Peer> {
  const { name, main = '', core, server, httpPort, httpsPort } = options
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const config = join(directory, 'nginx.conf')
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  const folders = kinds.map((kind) => `${kind}_temp_path ${join(directory, kind)};`)
  await writeFile(
    config,
    `${main}
worker_processes 1;
daemon off;
pid ${join(directory, 'pid')};
error_log stderr error;
events { worker_connections 16384; }
http {
  ${folders.join('\n  ')}
  keepalive_requests ${REQUESTS_MAX};
  ${server}
}
`,
  )
  const program = await startProgram({ name, core, command: ['nginx', '-p', directory, '-c', config] })
  await untilReady(program, async () => (await fetch(`http://127.0.0.1:${httpPort}/`)).status < 500)
  const { pid } = program
  return { name, pid, httpPort, httpsPort, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

/**
 * nginx with the policies in Lua, as gateways that are built on it work: keys in a table, a counter in shared memory,
 * a record per request.
 *
 * @module
 */
import { mkdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../place.ts'
import { PROXY_CORE } from '../program.ts'
import { routePrefix } from '../release.ts'
import { LUA_MODULE } from '../tools.ts'
import { startNginx, upstreamBlock } from './nginx.ts'
import type { Peer, PeerOptions } from './peer.ts'

const NDK_MODULE = LUA_MODULE.replace('ngx_http_lua_module', 'ndk_http_module')

/** The key is hashed and looked up, the request counted by consumer, the line of JSON written by nginx. */
const ACCESS = `
      local key = ngx.var.http_x_api_key
      local consumer = key and consumers[ngx.sha1_bin(key)]
      if not consumer then return ngx.exit(401) end
      local count = ngx.shared.counts:incr(consumer, 1, 0, 60)
      if count > 1000000000 then return ngx.exit(429) end
      ngx.req.clear_header('X-Api-Key')
      ngx.var.consumer = consumer`

export async function startLuaNginx(options: PeerOptions): Promise<Peer> {
  const httpPort = await freePort()
  const directory = join(options.directory, 'nginx-lua')
  await mkdir(directory, { recursive: true, mode: 0o755 })
  const [keysFile, logFile] = [join(directory, 'keys'), join(directory, 'access.log')]
  const keys = options.keys.map(({ text, consumer }) => `${text} ${consumer}\n`)
  await writeFile(keysFile, keys.join(''), { mode: 0o644 })
  const locations = Array.from({ length: options.routes }, (_, index) => {
    const prefix = routePrefix(index)
    return `location ${prefix.endsWith('/') ? '' : '= '}${prefix} { set $route things-${index}; proxy_pass http://service; }`
  })
  const server = `
  log_format record escape=json '{"time":"$msec","id":"$request_id","address":"$remote_addr","method":"$request_method",'
    '"host":"$host","path":"$uri","status":$status,"consumer":"$consumer","route":"$route","bytes":$body_bytes_sent,'
    '"seconds":$request_time,"upstream_seconds":"$upstream_response_time"}';
  access_log ${logFile} record buffer=64k flush=1s;
  lua_shared_dict counts 16m;
  init_by_lua_block {
    consumers = {}
    for line in io.lines('${keysFile}') do
      local key, consumer = line:match('(%S+) (%S+)')
      consumers[ngx.sha1_bin(key)] = consumer
    end
  }
  ${upstreamBlock(options)}
  server {
    listen 127.0.0.1:${httpPort} backlog=1024;
    set $consumer '';
    access_by_lua_block {${ACCESS}
    }
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header Connection '';
    ${locations.join('\n    ')}
    location / { return 404; }
  }`
  const main = `load_module ${NDK_MODULE};\nload_module ${LUA_MODULE};`
  const peer = await startNginx(directory, { name: 'nginx + lua', main, core: PROXY_CORE, server, httpPort })
  return { ...peer, clear: () => truncate(logFile) }
}

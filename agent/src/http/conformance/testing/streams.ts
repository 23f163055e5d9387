/**
 * Sends bodies of many GiB up and down through an agent in a process of its own, and tells what memory that took.
 *
 * Not a test: `node agent/src/http/conformance/testing/streams.ts [gibibytes]`. Linux only, because of where it reads memory.
 *
 * @module
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRelease, startAgent } from '#agent/testing/agent.ts'

const MIB = 1_048_576
const PIECE = Buffer.alloc(MIB)
const ROLE = '--agent-for'

/** Writes so many bytes, as fast as they are taken. */
async function writeAll(into: NodeJS.WritableStream, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= MIB) if (!into.write(PIECE)) await once(into, 'drain')
  into.end()
}

async function countAll(from: IncomingMessage): Promise<number> {
  let bytes = 0
  for await (const piece of from as AsyncIterable<Buffer>) bytes += piece.length
  return bytes
}

/** Resident memory of a process, in MiB. */
function residentMib(pid: number): number {
  return Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024
}

async function measure(gibibytes: number): Promise<void> {
  const bytes = gibibytes * 1_024 * MIB
  const server = createServer({ requestTimeout: 0 }, (incoming, response) => {
    void countAll(incoming).then(async (got) => {
      response.writeHead(200, { 'x-got': got, 'content-length': incoming.method === 'GET' ? bytes : 0 })
      await writeAll(response, incoming.method === 'GET' ? bytes : 0)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = fork(import.meta.filename, [ROLE, `http://127.0.0.1:${(server.address() as AddressInfo).port}`])
  const [url] = (await once(agent, 'message')) as [string]
  const pid = agent.pid ?? 0

  async function run(method: string, length: number): Promise<void> {
    const [startedMs, before] = [performance.now(), residentMib(pid)]
    let most = before
    const watch = setInterval(() => (most = Math.max(most, residentMib(pid))), 50)
    const headers = { host: 'api.example.com', ...(method === 'POST' && { 'content-length': length }) }
    const outgoing = request(url, { method, headers })
    const [[response]] = await Promise.all([
      once(outgoing, 'response') as Promise<[IncomingMessage]>,
      writeAll(outgoing, method === 'POST' ? length : 0),
    ])
    const down = await countAll(response)
    clearInterval(watch)
    const seconds = (performance.now() - startedMs) / 1_000
    const passed = method === 'POST' ? Number(response.headers['x-got']) : down
    await sleep(500)
    const memory = [before, most, residentMib(pid)].map((mib) => `${Math.round(mib)} MiB`)
    console.log(`${method}: ${passed} bytes in ${seconds.toFixed(1)} s; before, at most, after: ${memory.join(', ')}`)
  }

  // What the process takes anyway is there after the first.
  await run('POST', 64 * MIB)
  await run('POST', bytes)
  await run('GET', bytes)
  agent.kill()
  server.closeAllConnections()
  server.close()
}

const [role, url] = process.argv.slice(2)
if (role === ROLE && url !== undefined) {
  const settings = { requestTimeoutMs: 0 }
  const agent = await startAgent({ objects: openRelease(url), settings })
  process.send?.(agent.http)
} else await measure(Number(role ?? 4))

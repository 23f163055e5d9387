/**
 * Load by `wrk` with one thread: as fast as answers come.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_CORE, run } from '../program.ts'
import type { Load, LoadRequest, LoadResult } from './load.ts'

/** Prints one line of JSON; figures as wrk has them, times in microseconds. */
const REPORT = `
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"perS":%.1f,"p50Us":%d,"p99Us":%d,"p999Us":%d,"bad":%d,"broken":%d}\\n',
    summary.requests, summary.requests / (summary.duration / 1e6), latency:percentile(50), latency:percentile(99),
    latency:percentile(99.9), e.status, e.connect + e.read + e.write + e.timeout))
end
`

/**
 * When an answer counts as broken off, in seconds. What is late before that shows in the times; the 2 s of wrk are
 * little more than what a slow service takes.
 */
const LATE_S = 10

export interface WrkOptions {
  readonly connections: number
  /** A connection for each request, and so a handshake for each over TLS; kept connections otherwise. */
  readonly closes: boolean
}

export function wrkLoad({ connections, closes }: WrkOptions): Load {
  return async (directory, name, requests) => {
    const script = join(directory, `${name}.lua`)
    await writeFile(script, requestsText(requests, closes) + REPORT)
    return async (url, seconds) => {
      const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', `${LATE_S}s`, '-s', script, url]
      const output = await run(['wrk', ...args], LOAD_CORE, (seconds + 20) * 1_000)
      const line = output.split('\n').findLast((each) => each.startsWith('{'))
      if (line === undefined) throw new Error(`wrk printed no result:\n${output}`)
      return JSON.parse(line) as LoadResult
    }
  }
}

function requestsText(requests: readonly LoadRequest[], closes: boolean): string {
  const [only] = requests
  const close = closes ? "wrk.headers['Connection'] = 'close'\n" : ''
  // Without a function of its own, wrk sends bytes that it has built once.
  if (requests.length === 1 && only?.key === undefined) return `wrk.path = '${only?.path ?? '/'}'\n${close}`
  const items = requests.map(({ path, key }) => `{'${path}', '${key ?? ''}'}`).join(',\n')
  return `local items = {\n${items}\n}
${close}local built = {}
local at = 0
function init(args)
  for index, item in ipairs(items) do
    built[index] = wrk.format('GET', item[1], { ['X-Api-Key'] = item[2] })
  end
end
function request()
  at = at % #built + 1
  return built[at]
end
`
}

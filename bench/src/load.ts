/**
 * Load: `wrk` with one thread and 64 kept connections, as fast as answers come.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_CORE, run } from './program.ts'

const CONNECTIONS = 64

/** A request as it is sent over and over: its path, and the key that it carries. */
export interface LoadRequest {
  readonly path: string
  readonly key?: string
}

export interface LoadResult {
  readonly requests: number
  readonly perS: number
  readonly p50Us: number
  readonly p99Us: number
  readonly p999Us: number
  /** Answers other than 2xx and 3xx, of which the service here has none. */
  readonly bad: number
  /** Connections that failed, broke or waited for longer than 2 s. */
  readonly broken: number
}

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

/** Writes the script with which wrk sends these requests in turn, and gives its path. */
export async function writeLoadScript(
  directory: string,
  name: string,
  requests: readonly LoadRequest[],
): Promise<string> {
  const path = join(directory, `${name}.lua`)
  await writeFile(path, requestsText(requests) + REPORT)
  return path
}

function requestsText(requests: readonly LoadRequest[]): string {
  const [only] = requests
  // Without a function of its own, wrk sends bytes that it has built once.
  if (requests.length === 1 && only?.key === undefined) return `wrk.path = '${only?.path ?? '/'}'\n`
  const items = requests.map(({ path, key }) => `{'${path}', '${key ?? ''}'}`).join(',\n')
  return `local items = {\n${items}\n}
local built = {}
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

/** Sends for some seconds. */
export async function sendLoad(url: string, script: string, seconds: number): Promise<LoadResult> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, url]
  const output = await run(['wrk', ...args], LOAD_CORE, (seconds + 20) * 1_000)
  const line = output.split('\n').findLast((each) => each.startsWith('{'))
  if (line === undefined) throw new Error(`wrk printed no result:\n${output}`)
  return JSON.parse(line) as LoadResult
}

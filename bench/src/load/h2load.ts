/**
 * Load by `h2load` with one thread: over HTTP/2, or over HTTP/1.1 at a rate that does not depend on the answers.
 *
 * @module
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { LOAD_CORE, run } from '../program.ts'
import type { Load, LoadResult } from './load.ts'

export interface H2loadOptions {
  readonly protocol: 'h2' | 'http/1.1'
  readonly connections: number
  /** Requests at once on each connection. */
  readonly streams: number
  /** Requests per second of all connections together; undefined: as fast as answers come. */
  readonly perS?: number
}

/** Sends the first of the requests only, without a key. */
export function h2load({ protocol, connections, streams, perS }: H2loadOptions): Load {
  return async (directory, name, [request]) => {
    if (request === undefined || request.key !== undefined) throw new Error(`${name} cannot be sent by h2load`)
    const logFile = join(directory, `${name}.tsv`)
    const rate = perS === undefined ? [] : [`--rps=${perS / connections}`]
    const kind = protocol === 'h2' ? [] : ['--h1']
    return async (url, seconds) => {
      await rm(logFile, { force: true })
      const args = [
        '-t1',
        `-c${connections}`,
        `-m${streams}`,
        `-D${seconds}`,
        `--log-file=${logFile}`,
        ...rate,
        ...kind,
      ]
      const output = await run(['h2load', ...args, url + request.path], LOAD_CORE, (seconds + 20) * 1_000)
      return result(output, await readFile(logFile, 'utf8'), seconds, protocol)
    }
  }
}

/** @param log lines of start, status and microseconds. */
function result(output: string, log: string, seconds: number, wanted: string): LoadResult {
  const rows = log
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'))
  const bad = rows.filter(([, status]) => status !== '200').length
  const times = Float64Array.from(rows, ([, , us]) => Number(us)).toSorted()
  const protocol = /Application protocol: (\S+)/.exec(output)?.[1] ?? 'http/1.1'
  if (protocol !== wanted) throw new Error(`speaks ${protocol}, not ${wanted}`)
  const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(output)
  if (failed === null) throw new Error(`h2load printed no result:\n${output}`)
  const at = (share: number): number => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return {
    requests: times.length,
    perS: times.length / seconds,
    p50Us: at(0.5),
    p99Us: at(0.99),
    p999Us: at(0.999),
    bad,
    broken: failed.slice(1).reduce((sum, count) => sum + Number(count), 0),
  }
}

/**
 * What the decision costs without a network: normalise, match, decide and compile, in nanoseconds.
 *
 * The same number of different requests is sent in every size, spread over all routes, so that sizes can be compared:
 * what differs is the release. The last column sends one request to each route in turn; with many routes, the memory
 * of requests and routes is then cold. The ports answer at once: what is measured is core. Each figure is the median
 * of several rounds.
 *
 * @module
 */
import { compile, decide, formatApiKey, normalise } from '@headgate/core'
import type { CompiledRelease, DecisionPorts, Facts, Principal, RequestHead } from '@headgate/core'
import { describeMachine } from './machine.ts'
import { PLACE, releaseObjects, requestPath } from './release.ts'
import { median, printTable } from './report.ts'

const ROUNDS = 7

/** Length of one round, in milliseconds. */
const ROUND_MS = 150

/** Calls between two looks at the clock. */
const BATCH = 1_000

const SIZES = [100, 10_000] as const

/** Different requests that are sent again and again. */
const REQUESTS = 100

export interface DecideRow {
  readonly routes: number
  /** Milliseconds for the whole release. */
  readonly compileMs: number
  readonly normaliseNs: number
  /** A request that is refused as soon as its route is known: match and a refusal. */
  readonly matchNs: number
  /** A request that is allowed: match, key, access, limit, with ports that answer at once. */
  readonly decideNs: number
  /** The same with one request to each route in turn. */
  readonly decideAllNs: number
}

/** Prints the rows. */
export function runDecide(json: boolean): void {
  const rows = SIZES.map(measure)
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine: describeMachine(), rows }, null, 2)}\n`)
    return
  }
  printTable(
    ['routes', 'compile ms', 'normalise ns', 'match + refuse ns', 'decide ns', 'decide all ns'],
    rows.map((row) => [row.routes, row.compileMs, row.normaliseNs, row.matchNs, row.decideNs, row.decideAllNs]),
  )
}

function measure(routes: number): DecideRow {
  const input = { ...PLACE, number: 1, objects: releaseObjects(routes, 'http://127.0.0.1:9000') }
  const compileMs = median(Array.from({ length: 5 }, () => timed(() => compile(input))))
  const release = mustCompile(input)
  const key = formatApiKey(PLACE.environment, 'k'.repeat(30))
  const heads = Array.from({ length: routes }, (_, index) => head(requestPath(index), key))
  const all = heads.map(mustNormalise)
  const step = routes / REQUESTS
  // Not always at the same place of its stretch: every fourth path has a parameter.
  const some = Array.from({ length: REQUESTS }, (_, index) => at(heads, index * step + (index % step)))
  const facts = some.map(mustNormalise)
  const strangers = some.map(({ target }) => mustNormalise(head(target, undefined)))
  return {
    routes,
    compileMs: round(compileMs),
    normaliseNs: perCall((index) => normalise(at(some, index))),
    matchNs: perCall((index) => decide(release, at(strangers, index), PORTS)),
    decideNs: perCall((index) => decide(release, at(facts, index), PORTS)),
    decideAllNs: perCall((index) => decide(release, at(all, index), PORTS)),
  }
}

const CALLER: Principal = {
  consumerId: 'cns_1',
  consumer: 'caller',
  credentialId: 'key_1',
  credentialKind: 'api_key',
  credentialHint: '…kkkk',
  scopes: [],
}

const PORTS: DecisionPorts = {
  now: () => 0,
  verify: () => ({ kind: 'proven', principal: CALLER }),
  take: (demands) => ({
    kind: 'taken',
    states: demands.map(({ limit: { policy, requests, windowMs } }) => {
      return { policy, requests, windowMs, remaining: requests - 1, resetMs: 1, retryAfterMs: 0 }
    }),
  }),
}

const NONE: readonly string[] = []

function head(target: string, key: string | undefined): RequestHead {
  const host = ['api.example.com']
  const keys = key === undefined ? NONE : [key]
  const header = (name: string) => (name === 'host' ? host : name === 'x-api-key' ? keys : NONE)
  return { method: 'GET', target, scheme: 'http', address: '127.0.0.1', header }
}

function mustCompile(input: Parameters<typeof compile>[0]): CompiledRelease {
  const result = compile(input)
  if (result.kind !== 'compiled') throw new Error(`the release does not compile: ${JSON.stringify(result.findings[0])}`)
  return result.release
}

function mustNormalise(request: RequestHead): Facts {
  const result = normalise(request)
  if (result.kind !== 'facts') throw new Error(`refused: ${result.reason}`)
  return result.facts
}

function timed(work: () => unknown): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** Kept, so that no call can be left out as useless. */
let last: unknown

function perCall(call: (index: number) => unknown): number {
  const rounds: number[] = []
  let index = 0
  for (let count = 0; count <= ROUNDS; count++) {
    const [start, first] = [performance.now(), index]
    while (performance.now() - start < ROUND_MS) for (let n = 0; n < BATCH; n++) last = call(index++)
    // The first round is the warm-up.
    if (count > 0) rounds.push(((performance.now() - start) * 1e6) / (index - first))
  }
  if (last === undefined) throw new Error('a call gave nothing')
  return Math.round(median(rounds))
}

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T

const round = (value: number): number => Math.round(value * 10) / 10

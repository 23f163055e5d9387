/**
 * What the decision costs without a network: normalise, match, decide and compile, in nanoseconds of CPU time.
 *
 * The same number of different requests is sent in every size, spread over all routes, so that sizes can be compared:
 * what differs is the release. `decide all` sends one request to each route in turn; with many routes, the memory
 * of requests and routes is then cold. The ports answer at once: what is measured is core. Each figure is the median
 * of several rounds; in each round every size is measured once, one after the other.
 *
 * @module
 */
import { compile, decide, formatApiKey, matchRoute, normalise } from '@headgate/core'
import type { CompiledRelease, DecisionPorts, Facts, Principal, RequestHead } from '@headgate/core'
import { getHeapStatistics } from 'node:v8'
import { describeMachine } from './machine.ts'
import { PLACE, releaseObjects, requestPath } from './release.ts'
import { median, printTable } from './report.ts'

const ROUNDS = 9

/** Length of one round of one size, in milliseconds. */
const ROUND_MS = 80

/** Calls between two looks at the clock. */
const BATCH = 1_000

const SIZES = [100, 1_000, 10_000] as const

/** Different requests that are sent again and again. */
const REQUESTS = 100

export interface DecideRow {
  readonly routes: number
  /** Milliseconds for the whole release. */
  readonly compileMs: number
  readonly normaliseNs: number
  /** Finding the route alone. */
  readonly matchNs: number
  /** A request that is allowed: match, key, access, limit, with ports that answer at once. */
  readonly decideNs: number
  /** The same with one request to each route in turn. */
  readonly decideAllNs: number
  /** What it leaves for the garbage collector, in bytes for each request. */
  readonly decideBytes: number
}

/** Prints the rows. */
export function runDecide(json: boolean): void {
  const rows = measure()
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine: describeMachine(), rows }, null, 2)}\n`)
    return
  }
  printTable(
    ['routes', 'compile ms', 'normalise ns', 'match ns', 'decide ns', 'decide all ns', 'decide bytes'],
    rows.map((row) => [
      row.routes,
      row.compileMs,
      row.normaliseNs,
      row.matchNs,
      row.decideNs,
      row.decideAllNs,
      row.decideBytes,
    ]),
  )
}

function measure(): DecideRow[] {
  const sizes = SIZES.map(prepare)
  const normalises = perCall(
    sizes.map(
      ({ some }) =>
        (index) =>
          normalise(at(some, index)),
    ),
  )
  const matches = perCall(
    sizes.map(({ release, facts }) => (index) => {
      const { host, path, method } = at(facts, index)
      return matchRoute(release.index, host, path, method)
    }),
  )
  const decides = perCall(
    sizes.map(
      ({ release, facts }) =>
        (index) =>
          decide(release, at(facts, index), PORTS),
    ),
  )
  const all = perCall(
    sizes.map(
      ({ release, all }) =>
        (index) =>
          decide(release, at(all, index), PORTS),
    ),
  )
  return sizes.map(({ routes, compileMs }, index) => ({
    routes,
    compileMs: round(compileMs),
    normaliseNs: at(normalises, index).ns,
    matchNs: at(matches, index).ns,
    decideNs: at(decides, index).ns,
    decideAllNs: at(all, index).ns,
    decideBytes: at(decides, index).bytes,
  }))
}

interface Size {
  readonly routes: number
  readonly compileMs: number
  readonly release: CompiledRelease
  /** Some requests, as heads and as facts; and one to each route. */
  readonly some: readonly RequestHead[]
  readonly facts: readonly Facts[]
  readonly all: readonly Facts[]
}

function prepare(routes: number): Size {
  const input = { ...PLACE, number: 1, objects: releaseObjects(routes, 'http://127.0.0.1:9000') }
  const compileMs = median(Array.from({ length: 5 }, () => timed(() => compile(input))))
  const key = formatApiKey(PLACE.environment, 'k'.repeat(30))
  const heads = Array.from({ length: routes }, (_, index) => head(requestPath(index), key))
  const step = routes / REQUESTS
  // Not always at the same place of its stretch: every fourth path has a parameter.
  const some = Array.from({ length: REQUESTS }, (_, index) => at(heads, index * step + (index % step)))
  const [facts, all] = [some.map(mustNormalise), heads.map(mustNormalise)]
  return { routes, compileMs, release: mustCompile(input), some, facts, all }
}

const CALLER: Principal = {
  consumerId: 'cns_1',
  consumer: 'caller',
  credentialId: 'key_1',
  credentialKind: 'api_key',
  credentialHint: '…kkkk',
  scopes: [],
  roles: [],
  claims: null,
  boundTo: null,
  expiresAtMs: 0,
  limits: [],
}

const PORTS: DecisionPorts = {
  now: () => 0,
  verify: () => ({ kind: 'proven', principal: CALLER }),
  take: (demands) => ({
    kind: 'taken',
    states: demands.map(({ limit: { policy, algorithm, unit, amount, windowMs, shadow } }) => {
      const state = { remaining: amount - 1, resetMs: 1, retryAfterMs: 0, exceeded: false }
      return { policy, algorithm, unit, amount, windowMs, ...state, shadow }
    }),
  }),
}

const NONE: readonly string[] = []

function head(text: string, key: string): RequestHead {
  // As it comes from a connection: in one piece, and not put together of others.
  const target = Buffer.from(text, 'latin1').toString('latin1')
  const host = ['api.example.com']
  const keys = [key]
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
  const cpu = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(cpu)
  return (user + system) / 1e3
}

/** Kept, so that no call can be left out as useless. */
let last: unknown

interface Cost {
  readonly ns: number
  readonly bytes: number
}

/** @param calls one for each size. */
function perCall(calls: readonly ((index: number) => unknown)[]): Cost[] {
  const rounds = calls.map((): Cost[] => [])
  for (let count = 0; count <= ROUNDS; count++) {
    for (const [index, call] of calls.entries()) {
      const cost = oneRound(call)
      // The first round is the warm-up.
      if (count > 0) rounds[index]?.push(cost)
    }
  }
  if (last === undefined) throw new Error('a call gave nothing')
  return rounds.map((costs) => ({
    ns: Math.round(median(costs.map(({ ns }) => ns))),
    bytes: Math.round(median(costs.map(({ bytes }) => bytes))),
  }))
}

function oneRound(call: (index: number) => unknown): Cost {
  const [cpu, allocated, end] = [process.cpuUsage(), allocatedBytes(), performance.now() + ROUND_MS]
  let index = 0
  while (performance.now() < end) for (let n = 0; n < BATCH; n++) last = call(index++)
  const { user, system } = process.cpuUsage(cpu)
  return { ns: ((user + system) * 1e3) / index, bytes: (allocatedBytes() - allocated) / index }
}

/** Since the process started. */
const allocatedBytes = (): number => getHeapStatistics().total_allocated_bytes

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T

const round = (value: number): number => Math.round(value * 10) / 10

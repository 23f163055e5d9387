/**
 * The data path next to its peers: the same work, interleaved, proxies on one core, load and service on the other.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { createCertificate } from './certificate.ts'
import { type Machine, describeMachine } from './machine.ts'
import { type PeerResult, measureIdle, measureRow } from './measure.ts'
import { startUpstream } from './peers/nginx.ts'
import type { Peer, PeerOptions } from './peers/peer.ts'
import { startSlowService } from './peers/slow.ts'
import { ROOT, createFolder } from './place.ts'
import { pinSelf } from './program.ts'
import { probe } from './probe.ts'
import { printTable, rounded } from './report.ts'
import { ROWS, type Row, type RowName } from './rows.ts'
import { type AgentSource, startAgents } from './stack/agent.ts'
import { createKeys } from './stack/keys.ts'
import { type Tool, findTools } from './tools.ts'

const NOT_INSTALLED = 'not installed'

export interface DataPathOptions {
  readonly rows: readonly RowName[]
  readonly rounds: number
  readonly seconds: number
  readonly routes: number
  readonly keys: number
  /** Bundles or `main.ts` of agents; none: the agent of this checkout. */
  readonly agents: readonly string[]
  readonly agentEnv: Readonly<Record<string, string>>
  readonly json: boolean
  /** Keeps the result as `bench/results/<date>-<name>.json`. */
  readonly save: string | undefined
}

export interface RowResult {
  readonly row: RowName
  readonly about: string
  readonly peers: readonly PeerResult[]
}

export interface DataPathResult {
  readonly takenAt: string
  readonly machine: Machine & { readonly loadAfter: number }
  readonly versions: Readonly<Record<string, string>>
  readonly agents: readonly AgentSource[]
  readonly agentEnv: Readonly<Record<string, string>>
  readonly routes: number
  readonly keys: number
  readonly rounds: number
  readonly seconds: number
  readonly rows: readonly RowResult[]
}

/** Runs all of it. Everything that it started is ended when it returns or throws. */
export async function runDataPath(options: DataPathOptions): Promise<void> {
  const log = (line: string): void => void process.stderr.write(`# ${line}\n`)
  if (availableParallelism() < 2) throw new Error('needs two cores: one for the proxy, one for load and service')
  const tools = findTools(log)
  pinSelf()
  const machine = describeMachine()
  await using folder = await createFolder()
  const directory = folder.path
  await using upstream = await startUpstream(directory)
  await using slow = await startSlowService()
  const peerOptions: PeerOptions = {
    directory,
    upstreamUrl: `http://127.0.0.1:${upstream.httpPort}`,
    slowUrl: `http://127.0.0.1:${slow.httpPort}`,
    certificate: await createCertificate(directory),
    routes: options.routes,
    keys: createKeys(options.keys),
  }
  log('starting control plane and agent')
  await using agents = await startAgents(peerOptions, { scripts: options.agents, env: options.agentEnv })
  const rows: RowResult[] = []
  for (const name of options.rows) {
    const peers = await runRow({ name, agents: agents.peers, peerOptions, options, tools, log })
    rows.push({ row: name, about: ROWS[name].about, peers })
    if (!options.json) printRow(rows.at(-1))
  }
  const result: DataPathResult = {
    takenAt: new Date().toISOString(),
    machine: { ...machine, loadAfter: rounded(loadavg()[0] ?? 0, 2) },
    versions: Object.fromEntries(tools),
    agents: agents.sources,
    agentEnv: options.agentEnv,
    routes: options.routes,
    keys: options.keys,
    rounds: options.rounds,
    seconds: options.seconds,
    rows,
  }
  const text = `${JSON.stringify(result, null, 2)}\n`
  if (options.json) process.stdout.write(text)
  if (options.save !== undefined) await save(text, options.save)
  const failed = rows.flatMap(({ peers }) => peers).filter(({ note }) => note !== undefined && note !== NOT_INSTALLED)
  if (failed.length > 0) throw new Error(`${failed.map(({ name }) => name).join(', ')} could not be measured`)
}

interface RowRun {
  readonly name: RowName
  readonly agents: readonly Peer[]
  readonly peerOptions: PeerOptions
  readonly options: DataPathOptions
  readonly tools: ReadonlyMap<Tool, string>
  readonly log: (line: string) => void
}

async function runRow({ name, agents, peerOptions, options, tools, log }: RowRun): Promise<PeerResult[]> {
  const row: Row = ROWS[name]
  if (row.tool !== undefined && !tools.has(row.tool)) return [{ name: row.tool, note: NOT_INSTALLED }]
  await using started = new AsyncDisposableStack()
  const peers: Peer[] = []
  const absent: PeerResult[] = []
  for (const plan of row.peers) {
    if (plan.tool !== undefined && !tools.has(plan.tool)) absent.push({ name: plan.name, note: NOT_INSTALLED })
    else peers.push(started.use(await plan.start(peerOptions)))
  }
  peers.push(...agents)
  const requests = row.requests(peerOptions)
  const [first, last] = [requests[0], requests.at(-1)]
  if (first === undefined || last === undefined) throw new Error(`${name} sends nothing`)
  for (const peer of peers) {
    for (const each of [first, last]) await probe(row.url(peer), peerOptions.certificate.chain, each)
  }
  const { rounds } = options
  const { url, load } = row
  const seconds = Math.max(options.seconds, row.secondsMin ?? 0)
  if (load === null) return [...(await measureIdle({ name, peers, url, request: first, log })), ...absent]
  const send = await load(peerOptions.directory, name, requests)
  return [...(await measureRow({ name, peers, url, send, rounds, seconds, log })), ...absent]
}

function printRow(result: RowResult | undefined): void {
  if (result === undefined) return
  process.stdout.write(`\n${result.row}: ${result.about}\n`)
  const header = [
    'proxy',
    'CPU µs/request',
    'to nginx',
    'to haproxy',
    'requests/s',
    'p50 ms',
    'p99 ms',
    'MiB',
    'KiB/connection',
    'busy',
  ]
  const cost = (name: string): number | undefined => result.peers.find((peer) => peer.name === name)?.cpuUs
  const ratio = (value: number | undefined, base: number | undefined): string =>
    value === undefined || base === undefined ? '' : (value / base).toFixed(2)
  printTable(
    header,
    result.peers.map((peer) => [
      peer.note === undefined ? peer.name : `${peer.name}: ${peer.note}`,
      peer.cpuUs?.toFixed(1) ?? '',
      ratio(peer.cpuUs, cost('nginx')),
      ratio(peer.cpuUs, cost('haproxy')),
      peer.perS?.toFixed(0) ?? '',
      peer.p50Ms?.toFixed(2) ?? '',
      peer.p99Ms?.toFixed(2) ?? '',
      peer.residentMiB?.toFixed(0) ?? '',
      peer.connectionKiB?.toFixed(1) ?? '',
      peer.busy?.toFixed(2) ?? '',
    ]),
  )
}

async function save(text: string, name: string): Promise<void> {
  const folder = join(ROOT, 'bench', 'results')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, `${new Date().toISOString().slice(0, 10)}-${name}.json`), text)
}

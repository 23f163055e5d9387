/**
 * One row: every peer in every round, one after the other, and the medians.
 *
 * @module
 */
import { cpuNs, residentKiB } from './cost.ts'
import { holdConnections } from './load/idle.ts'
import type { LoadRequest, LoadResult, Send } from './load/load.ts'
import type { Peer } from './peers/peer.ts'
import { median, rounded } from './report.ts'

/** Warm-up of each peer before the first round, in seconds. */
const WARM_UP_S = 2

/** Connections that are held, and how many before, to warm up. */
const IDLE_CONNECTIONS = 10_000
const IDLE_WARM_UP = 500

/** Medians of a peer's rounds; without figures when it was not measured, and `note` says why. */
export interface PeerResult {
  readonly name: string
  readonly note?: string
  readonly cpuUs?: number
  readonly perS?: number
  readonly p50Ms?: number
  readonly p99Ms?: number
  readonly p999Ms?: number
  /** Resident memory after the last round. */
  readonly residentMiB?: number
  /** Resident memory that one more kept connection takes, in KiB. */
  readonly connectionKiB?: number
  /** Share of its core that the proxy used. Well below 1, something else was the limit. */
  readonly busy?: number
  /** CPU microseconds per request of every round. */
  readonly roundsCpuUs?: readonly number[]
}

export interface RowOptions {
  readonly name: string
  readonly peers: readonly Peer[]
  readonly url: (peer: Peer) => string
  readonly send: Send
  readonly rounds: number
  readonly seconds: number
  readonly log: (line: string) => void
}

interface Round extends LoadResult {
  readonly cpuUs: number
  readonly busy: number
}

/** A peer with an answer that was not 2xx, or a broken connection, gets a note and no figures. */
export async function measureRow(options: RowOptions): Promise<PeerResult[]> {
  const { name, peers, rounds, seconds, log } = options
  const all = new Map<Peer, Round[]>(peers.map((peer) => [peer, []]))
  const failed = new Map<Peer, string>()
  for (let round = 0; round <= rounds; round++) {
    for (const [peer, results] of all) {
      if (failed.has(peer)) continue
      try {
        const result = await measureOnce(peer, options, round === 0 ? WARM_UP_S : seconds)
        if (round > 0) results.push(result)
        log(`${name} ${round}/${rounds} ${peer.name}: ${result.cpuUs.toFixed(1)} µs, ${result.perS.toFixed(0)}/s`)
      } catch (thrown) {
        const note = thrown instanceof Error ? thrown.message : String(thrown)
        failed.set(peer, note)
        log(`${name} ${round}/${rounds} ${peer.name}: ${note}`)
      }
    }
  }
  return Promise.all(
    [...all].map(async ([peer, results]): Promise<PeerResult> => {
      const note = failed.get(peer)
      return note === undefined ? await summary(peer, results) : { name: peer.name, note }
    }),
  )
}

export interface IdleOptions {
  readonly name: string
  readonly peers: readonly Peer[]
  readonly url: (peer: Peer) => string
  readonly request: LoadRequest
  readonly log: (line: string) => void
}

/** Holds many connections to one peer after the other, and sees what its memory grows by. */
export async function measureIdle({ name, peers, url, request, log }: IdleOptions): Promise<PeerResult[]> {
  const results: PeerResult[] = []
  for (const peer of peers) {
    // What the first connections of a process cost is not the price of one more.
    await (await holdConnections(url(peer) + request.path, IDLE_WARM_UP))[Symbol.asyncDispose]()
    const before = await residentKiB(peer.pid)
    await using held = await holdConnections(url(peer) + request.path, IDLE_CONNECTIONS)
    const after = await residentKiB(peer.pid)
    const connectionKiB = rounded((after - before) / held.connections, 1)
    log(`${name} ${peer.name}: ${connectionKiB} KiB`)
    results.push({ name: peer.name, connectionKiB, residentMiB: rounded(after / 1_024, 1) })
  }
  return results
}

async function measureOnce(peer: Peer, { url, send }: RowOptions, seconds: number): Promise<Round> {
  await peer.clear?.()
  const [startMs, startNs] = [performance.now(), await cpuNs(peer.pid)]
  const result = await send(url(peer), seconds)
  const [ns, ms] = [(await cpuNs(peer.pid)) - startNs, performance.now() - startMs]
  if (result.bad > 0 || result.broken > 0 || result.requests === 0) {
    const { requests, bad, broken } = result
    throw new Error(`of ${requests} answers ${bad} were not 2xx; ${broken} connections broke`)
  }
  return { ...result, cpuUs: ns / 1_000 / result.requests, busy: ns / 1e6 / ms }
}

async function summary(peer: Peer, rounds: readonly Round[]): Promise<PeerResult> {
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick))
  return {
    name: peer.name,
    cpuUs: rounded(
      of(({ cpuUs }) => cpuUs),
      2,
    ),
    perS: Math.round(of((round) => round.perS)),
    p50Ms: rounded(of((round) => round.p50Us) / 1_000, 3),
    p99Ms: rounded(of((round) => round.p99Us) / 1_000, 3),
    p999Ms: rounded(of((round) => round.p999Us) / 1_000, 3),
    residentMiB: rounded((await residentKiB(peer.pid)) / 1_024, 1),
    busy: rounded(
      of(({ busy }) => busy),
      2,
    ),
    roundsCpuUs: rounds.map(({ cpuUs }) => rounded(cpuUs, 2)),
  }
}

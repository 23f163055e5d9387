/**
 * Chooses one of several candidates: in turn, the less busy of two, or always the same for the same number.
 *
 * A choice makes no object. Candidates without room are passed over, whatever the algorithm.
 *
 * - `round_robin` is smooth: a candidate of weight 3 is not chosen three times in a row where others could be between.
 * - `least_request` compares two that are drawn by weight: nearly as good as looking at all, and agents that know nothing
 *   of each other do not all run to the same one.
 * - `consistent_hash` takes the highest of one number for each candidate (rendezvous hashing): when one goes, only what
 *   went to it moves, and it moves to all others alike.
 *
 * Sources: the upstream module of nginx (smooth weighted round robin); Mitzenmacher, "The Power of Two Choices in
 * Randomized Load Balancing", 2001; Thaler and Ravishankar, "A Name-Based Mapping Scheme for Rendezvous", 1996, with
 * weights as in draft-ietf-bess-weighted-hrw.
 *
 * @module
 */
import type { CompiledBalancing } from '@headgate/core'
import { hashPair } from './hash.ts'

/** What can be chosen. */
export interface Candidate {
  /** Its share, compared with the others; above 0. */
  share: number
  /** Requests that it works on, and that wait for it. */
  readonly busy: number
  /** Whether one more request can go to it now. */
  readonly hasRoom: boolean
  /** Of its name, for consistent hashing. */
  readonly seed: number
  /** Belongs to `round_robin`: how much of its share it is owed. */
  owed: number
}

export interface Balancer<C extends Candidate> {
  /** The candidates, or their shares, are others from now on. */
  use(candidates: readonly C[]): void
  /**
   * @param key for `consistent_hash`, 32 bits.
   * @param except one that has just failed.
   * @returns null when none has room.
   */
  choose(key: number, except: C | null): C | null
}

/** @param random a number from 0 up to 1. */
export function createBalancer<C extends Candidate>(
  algorithm: CompiledBalancing['algorithm'],
  random: () => number,
): Balancer<C> {
  switch (algorithm) {
    case 'round_robin':
      return new RoundRobin()
    case 'least_request':
      return new LeastRequest(random)
    case 'consistent_hash':
      return new ConsistentHash()
  }
}

const isFree = <C extends Candidate>(candidate: C, except: C | null): boolean =>
  candidate !== except && candidate.hasRoom

/** The first with room, from a place on. */
function firstFree<C extends Candidate>(candidates: readonly C[], from: number, except: C | null): C | null {
  const { length } = candidates
  for (let step = 0; step < length; step++) {
    const candidate = candidates[(from + step) % length]
    if (candidate !== undefined && isFree(candidate, except)) return candidate
  }
  return null
}

function areEqual(candidates: readonly Candidate[]): boolean {
  return candidates.every(({ share }) => share === candidates[0]?.share)
}

class RoundRobin<C extends Candidate> implements Balancer<C> {
  #candidates: readonly C[] = []
  #equal = true
  #turn = 0

  use(candidates: readonly C[]): void {
    this.#candidates = candidates
    this.#equal = areEqual(candidates)
  }

  choose(_key: number, except: C | null): C | null {
    const candidates = this.#candidates
    if (this.#equal) {
      const turn = this.#turn < candidates.length ? this.#turn : 0
      this.#turn = turn + 1
      return firstFree(candidates, turn, except)
    }
    let best: C | null = null
    let all = 0
    for (const candidate of candidates) {
      if (!isFree(candidate, except)) continue
      candidate.owed += candidate.share
      all += candidate.share
      if (best === null || candidate.owed > best.owed) best = candidate
    }
    if (best !== null) best.owed -= all
    return best
  }
}

class LeastRequest<C extends Candidate> implements Balancer<C> {
  readonly #random: () => number
  #candidates: readonly C[] = []
  /** Of each candidate, its share and those in front of it. */
  #ends: readonly number[] = []

  constructor(random: () => number) {
    this.#random = random
  }

  use(candidates: readonly C[]): void {
    this.#candidates = candidates
    let end = 0
    this.#ends = candidates.map(({ share }) => (end += share))
  }

  choose(_key: number, except: C | null): C | null {
    const candidates = this.#candidates
    const ends = this.#ends
    const all = ends.at(-1)
    if (all === undefined) return null
    const first = this.#at(this.#random() * all)
    const one = candidates[first]
    if (one === undefined) return null
    if (candidates.length === 1) return isFree(one, except) ? one : null
    // Drawn from what is left without the first.
    const left = this.#random() * (all - one.share)
    const before = (ends[first] ?? 0) - one.share
    const second = this.#at(left < before ? left : left + one.share)
    const other = candidates[second]
    if (other === undefined) return null
    if (!isFree(one, except)) return isFree(other, except) ? other : firstFree(candidates, second, except)
    if (!isFree(other, except)) return one
    return other.busy * one.share < one.busy * other.share ? other : one
  }

  /** The candidate in whose share a place lies. */
  #at(place: number): number {
    const ends = this.#ends
    let [low, high] = [0, ends.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (place < (ends[middle] ?? 0)) high = middle
      else low = middle + 1
    }
    return low
  }
}

class ConsistentHash<C extends Candidate> implements Balancer<C> {
  #candidates: readonly C[] = []
  #equal = true

  use(candidates: readonly C[]): void {
    this.#candidates = candidates
    this.#equal = areEqual(candidates)
  }

  choose(key: number, except: C | null): C | null {
    let best: C | null = null
    let highest = -1
    for (const candidate of this.#candidates) {
      if (!isFree(candidate, except)) continue
      const number = hashPair(key, candidate.seed)
      // The number as a chance above 0 and below 1: its logarithm is negative.
      const score = this.#equal ? number : -candidate.share / Math.log((number + 0.5) / 0x1_0000_0000)
      if (score > highest) {
        highest = score
        best = candidate
      }
    }
    return best
  }
}

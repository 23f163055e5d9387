/**
 * Who is let in: bounds what one source may have open, and how often it may begin a TLS handshake.
 *
 * Looked at when a connection is accepted, before a byte of it is read. A source is an address; of IPv6 the first 64
 * bits, which is what one caller is given. Declared proxies are no sources: whoever is behind them is many.
 *
 * A stream of HTTP/2 counts like a connection, beside the connection that carries it: else a source would have a
 * hundred times as many requests under way by the newer protocol.
 *
 * @module
 */
import { type AddressRange, rangesContain } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import { sourceOf } from '#agent/limits/lock-out.ts'
import { type AdmissionMemory, AdmissionTable, createAdmissionMemory, REFUSED, UNCOUNTED } from './admission-table.ts'

export interface AdmissionSettings {
  /** Connections of one source, and its streams; 0: no bound. */
  readonly connectionsPerSourceMax: number
  /** TLS handshakes of one source in the long run, per second; 0: no bound. */
  readonly handshakesPerSourcePerS: number
  /** The same at once. */
  readonly handshakesPerSourceBurst: number
  /** Streams that one HTTP/2 connection may reset at once; its source as many as on ten. */
  readonly http2ResetBurst: number
  /** The same in the long run, per second. */
  readonly http2ResetsPerS: number
  /** Not bounded by source. */
  readonly trustedProxies: readonly AddressRange[]
}

/** A column of the table that this thread alone counts in. */
export interface AdmissionSeat {
  readonly memory: AdmissionMemory
  readonly thread: number
}

/** What a connection or a stream holds, to be given back once. */
export type Place = number

export interface Admission {
  /** @returns null: the source has as many connections as it may. */
  enter(address: string): Place | null
  /** For a stream on a connection that holds `place`. @returns null as above. */
  enterStream(place: Place): Place | null
  leave(place: Place): void
  /** Whether a source may begin a TLS handshake now. Takes one when it may. */
  mayShake(address: string): boolean
  /** Notes that a source has reset a stream of HTTP/2. @returns false: it has reset too many. */
  mayReset(address: string): boolean
  /** Whether a source has reset too many, so that connections on which it has done nothing else are not worth reading. */
  isFlooding(address: string): boolean
}

export interface AdmissionOptions {
  readonly settings: AdmissionSettings
  readonly seat: AdmissionSeat
  readonly clock: Clock
  readonly log: Log
  /** Counts what was refused. */
  readonly onRefused: (what: 'connection' | 'stream') => void
}

/** Anybody can be refused: one line every few seconds says enough, in milliseconds. */
const LOG_PAUSE_MS = 5_000

/** Connections whose resets a source may have together. */
const RESETTING_CONNECTIONS = 10

/** Listeners, of which each has its own bound of connections. */
const LISTENERS = 3

/** The table for an agent. @param threads that may count at a time. */
export function admissionMemoryFor(
  { connectionsMax }: { readonly connectionsMax: number },
  threads: number,
): AdmissionMemory {
  return createAdmissionMemory(LISTENERS * connectionsMax, threads)
}

export function createAdmission({ settings, seat, clock, log, onRefused }: AdmissionOptions): Admission {
  const { connectionsPerSourceMax: most, handshakesPerSourcePerS, handshakesPerSourceBurst, trustedProxies } = settings
  const table = new AdmissionTable(seat.memory, seat.thread)
  const everyMs = 1_000 / handshakesPerSourcePerS
  const resetEveryMs = 1_000 / (RESETTING_CONNECTIONS * settings.http2ResetsPerS)
  const resetBurst = RESETTING_CONNECTIONS * settings.http2ResetBurst
  // Neither an address nor a network has a space in it.
  const resetting = (address: string): string => `${sourceOf(address)} resets`
  let toldMs = -LOG_PAUSE_MS

  const isProxy = (address: string): boolean => trustedProxies.length > 0 && rangesContain(trustedProxies, address)

  function tell(address: string): void {
    const nowMs = clock.monotonic()
    if (nowMs - toldMs < LOG_PAUSE_MS) return
    toldMs = nowMs
    log.warn(
      { address, most },
      'one address has as many connections as one may: if it is a proxy of yours, declare it in HEADGATE_TRUSTED_PROXIES',
    )
  }

  return {
    enter: (address) => {
      if (most === 0 || isProxy(address)) return UNCOUNTED
      const place = table.enter(sourceOf(address), most)
      if (place !== REFUSED) return place
      onRefused('connection')
      tell(address)
      return null
    },
    enterStream: (place) => {
      const entered = table.enterAgain(place, most)
      if (entered !== REFUSED) return entered
      onRefused('stream')
      return null
    },
    leave: (place) => table.leave(place),
    mayReset: (address) =>
      isProxy(address) || table.take(resetting(address), resetEveryMs, resetBurst, clock.monotonic()),
    isFlooding: (address) =>
      !isProxy(address) && !table.could(resetting(address), resetEveryMs, resetBurst, clock.monotonic()),
    mayShake: (address) =>
      handshakesPerSourcePerS === 0 ||
      isProxy(address) ||
      table.take(sourceOf(address), everyMs, handshakesPerSourceBurst, clock.monotonic()),
  }
}

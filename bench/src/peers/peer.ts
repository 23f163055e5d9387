/**
 * A proxy that is measured: a process, and where it listens.
 *
 * @module
 */
import type { Key } from '../stack/keys.ts'

export interface Peer extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly httpPort: number
  /** Undefined: it has no TLS here. */
  readonly httpsPort?: number | undefined
  /** Forgets what it has written so far, so that the disk does not fill. */
  clear?(): Promise<void>
}

export interface Certificate {
  /** For `localhost`, in PEM. */
  readonly chain: string
  /** Files with the same chain, its key, and both. */
  readonly chainFile: string
  readonly keyFile: string
  readonly bothFile: string
}

/** What every proxy is given: the same work. */
export interface PeerOptions {
  /** Of the run. */
  readonly directory: string
  readonly upstreamUrl: string
  /** Answers after a second. */
  readonly slowUrl: string
  readonly certificate: Certificate
  readonly routes: number
  readonly keys: readonly Key[]
}

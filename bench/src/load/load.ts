/**
 * What load is: requests that are sent for some seconds, and what became of them.
 *
 * @module
 */

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
  /** Requests or connections that failed, broke or waited for too long. */
  readonly broken: number
}

/** Makes ready to send these requests in turn, and gives what sends them for some seconds. */
export type Load = (directory: string, name: string, requests: readonly LoadRequest[]) => Promise<Send>

export type Send = (url: string, seconds: number) => Promise<LoadResult>

/**
 * What can be told about services and their targets at a moment, for people and for gauges.
 *
 * @module
 */

export interface ServiceState {
  readonly environmentId: string
  readonly service: string
  /** Whether too few targets are usable, so that all are used. */
  readonly panic: boolean
  /** Requests in flight. */
  readonly requests: number
  /** Requests that wait for a connection. */
  readonly pending: number
  readonly connections: number
  /** Second attempts, in all. */
  readonly retries: number
  /** Requests that were refused because there was no room, in all. */
  readonly overloaded: number
  readonly targets: readonly TargetState[]
}

/** One address of a target, or a target whose address is not known. */
export interface TargetState {
  /** As configured. */
  readonly target: string
  /** IP address; null: not known. */
  readonly address: string | null
  readonly zone: string | null
  readonly health: 'usable' | 'unresolved' | 'unreachable' | 'failing' | 'failing_checks'
  /** Part of its weight that it gets at the moment, up to 1. */
  readonly warmth: number
  readonly requests: number
  readonly connections: number
  /** How often it was left alone, in all. */
  readonly ejections: number
}

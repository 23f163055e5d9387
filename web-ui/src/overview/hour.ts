/**
 * An hour of traffic, minute by minute, with the quiet minutes that the control plane does not list. Pure.
 *
 * @module
 */
import type { Traffic } from '../api.ts'

const MINUTE_MS = 60_000
const MINUTES = 60

interface Minute {
  /** RFC 3339, on the full minute. */
  readonly minute: string
  readonly requests: number
  readonly refused: number
  readonly failed: number
}

export function hourOf(traffic: Traffic, until: Date): readonly Minute[] {
  const last = Math.floor(until.getTime() / MINUTE_MS)
  const known = new Map(traffic.map((minute) => [Math.floor(Date.parse(minute.minute) / MINUTE_MS), minute]))
  return Array.from({ length: MINUTES }, (_, index) => {
    const at = last - MINUTES + 1 + index
    const { requests = 0, refused = 0, failed = 0 } = known.get(at) ?? {}
    return { minute: new Date(at * MINUTE_MS).toISOString(), requests, refused, failed }
  })
}

/** `meanMs` is null when there was no request. */
export function totalOf(traffic: Traffic) {
  const sum = (value: (minute: Traffic[number]) => number) =>
    traffic.reduce((total, minute) => total + value(minute), 0)
  const requests = sum((minute) => minute.requests)
  return {
    requests,
    refused: sum((minute) => minute.refused),
    failed: sum((minute) => minute.failed),
    meanMs: requests === 0 ? null : sum((minute) => minute.requests * minute.duration_ms_mean) / requests,
  }
}

/**
 * Keeps what an operation answers: loads it, again while the page is visible, and never throws away the last good
 * answer because the next one failed.
 *
 * @module
 */
import { useEffect, useEffectEvent, useState } from 'react'
import { type Failure, failureOf } from './api.ts'

/** Between two loads of something live, in milliseconds. */
export const LIVE_MS = 2_000

/** Longest pause after failures, in milliseconds. A control plane that comes back is not met by a crowd. */
const PAUSE_MS_MAX = 15_000

export interface Kept<T> {
  /** The last good answer. */
  readonly data: T | undefined
  /** When it came. */
  readonly at: Date | undefined
  /** Why the newest load failed; undefined when it did not. */
  readonly failure: Failure | undefined
  /** Loads at once. */
  readonly retry: () => void
}

interface State<T> extends Omit<Kept<T>, 'retry'> {
  readonly key: string | null
}

/**
 * @param key what is loaded; another key starts anew, null loads nothing.
 * @param everyMs null: once.
 */
export function useAnswer<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number | null = null,
): Kept<T> {
  const [state, setState] = useState<State<T>>({ key, data: undefined, at: undefined, failure: undefined })
  const [turn, setTurn] = useState(0)
  const loadNow = useEffectEvent(load)
  useEffect(() => {
    if (key === null) return
    const stop = new AbortController()
    const keep = (change: Partial<State<T>>) =>
      setState((before) => ({
        ...(before.key === key ? before : { key, data: undefined, at: undefined, failure: undefined }),
        ...change,
      }))
    void repeat(
      async (signal) => {
        try {
          const data = await loadNow(signal)
          if (!signal.aborted) keep({ data, at: new Date(), failure: undefined })
          return true
        } catch (thrown) {
          if (!signal.aborted) keep({ failure: failureOf(thrown) })
          return false
        }
      },
      everyMs,
      stop.signal,
    )
    return () => stop.abort()
  }, [key, turn, everyMs])
  const current = state.key === key ? state : { data: undefined, at: undefined, failure: undefined }
  return { data: current.data, at: current.at, failure: current.failure, retry: () => setTurn((count) => count + 1) }
}

/** Runs `load` until the signal: at its pace, slower after failures, not at all while nobody looks. */
async function repeat(load: (signal: AbortSignal) => Promise<boolean>, everyMs: number | null, signal: AbortSignal) {
  let failures = 0
  while (!signal.aborted) {
    await visible(signal)
    if (signal.aborted) return
    failures = (await load(signal)) ? 0 : failures + 1
    if (everyMs === null) return
    await pause(Math.max(everyMs, Math.min(everyMs * 2 ** failures, PAUSE_MS_MAX)), signal)
  }
}

function visible(signal: AbortSignal): Promise<void> {
  if (!document.hidden || signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      document.removeEventListener('visibilitychange', done)
      resolve()
    }
    document.addEventListener('visibilitychange', done, { signal })
    signal.addEventListener('abort', done, { once: true })
  })
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

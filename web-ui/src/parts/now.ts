/**
 * The time that "3 min ago" is counted from.
 *
 * @module
 */
import { useEffect, useState } from 'react'

/** Between two looks at the clock, in milliseconds. */
const LOOK_MS = 30_000

/** Renders again now and then. Milliseconds since 1970-01-01 UTC. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  return now
}

/**
 * Keys that work anywhere on the page: j and k move, Escape leaves.
 *
 * @module
 */
import { useEffect, useEffectEvent } from 'react'

interface Keys {
  /** One on, or one back. */
  readonly step: (by: 1 | -1) => void
  readonly leave: () => void
}

export function useKeys(keys: Keys): void {
  const pressed = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    // A letter chooses in a select and is text in an input.
    if (event.target instanceof Element && event.target.matches('input:not([type=checkbox]), select, textarea')) return
    if (event.key === 'j') keys.step(1)
    else if (event.key === 'k') keys.step(-1)
    else if (event.key === 'Escape') keys.leave()
    else return
    event.preventDefault()
  })
  useEffect(() => {
    const listen = (event: KeyboardEvent) => pressed(event)
    document.addEventListener('keydown', listen)
    return () => document.removeEventListener('keydown', listen)
  }, [])
}

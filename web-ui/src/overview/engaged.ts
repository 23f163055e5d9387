/**
 * Whether somebody works with an element: points at it, or has the focus in it.
 *
 * @module
 */
import { type RefCallback, useCallback, useState } from 'react'

/** @returns the answer, and the ref of the element that is meant. */
export function useEngaged(): readonly [boolean, RefCallback<HTMLElement>] {
  const [pointed, setPointed] = useState(false)
  const [focused, setFocused] = useState(false)
  const ref = useCallback((element: HTMLElement) => {
    const stop = new AbortController()
    const { signal } = stop
    element.addEventListener('pointerenter', () => setPointed(true), { signal })
    element.addEventListener('pointerleave', () => setPointed(false), { signal })
    element.addEventListener('focusin', () => setFocused(true), { signal })
    element.addEventListener('focusout', () => setFocused(false), { signal })
    return () => {
      stop.abort()
      setPointed(false)
      setFocused(false)
    }
  }, [])
  return [pointed || focused, ref]
}

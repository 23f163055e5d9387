/**
 * Details of one row, beside the list, which keeps its place.
 *
 * @module
 */
import { type ReactNode, useEffect, useRef } from 'react'
import { go, type Move } from '../address.ts'
import { useKeys } from '../overview/keys.ts'

interface PanelProps {
  readonly title: string
  /** Where the address leads when it is closed. */
  readonly closed: Move
  readonly children: ReactNode
}

export function Panel({ title, closed, children }: PanelProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus({ preventScroll: true }), [])
  useKeys({ step: () => {}, leave: () => go(closed) })
  return (
    <aside className="panel" aria-labelledby="panel-title">
      <header>
        <h2 id="panel-title" ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" className="button plain" onClick={() => go(closed)}>
          Close
        </button>
      </header>
      <div className="explained">{children}</div>
    </aside>
  )
}

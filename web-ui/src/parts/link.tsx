/**
 * A link within the dashboard: the browser can open it elsewhere, and a plain click loads nothing.
 *
 * @module
 */
import type { MouseEvent, ReactNode } from 'react'
import { addressAfter, go, type Move } from '../address.ts'

interface LinkProps {
  readonly to: Move
  readonly children: ReactNode
  readonly className?: string
  readonly current?: 'page' | 'true' | undefined
}

export function Link({ to, children, className, current }: LinkProps) {
  return (
    <a className={className} href={addressAfter(to)} aria-current={current} onClick={(event) => follow(event, to)}>
      {children}
    </a>
  )
}

export function follow(event: MouseEvent, to: Move): void {
  // Another button or a modifier means another tab, which is the browser's own affair.
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  go(to)
}

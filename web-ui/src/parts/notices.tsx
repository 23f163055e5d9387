/**
 * What stands where content would: loading, empty, failed; and the bar that says how old the content is.
 *
 * @module
 */
import type { ReactNode } from 'react'
import type { Failure } from '../api.ts'
import { timeText } from '../words.ts'
import { Command } from './command.tsx'
import { Mark } from './marks.tsx'

/** Appears after a moment, so that what is quick does not flicker. */
export function Skeleton({ rows, of }: { readonly rows: number; readonly of: string }) {
  return (
    <output className="skeleton">
      <span className="sr">Loading {of}</span>
      {Array.from({ length: rows }, (_, index) => (
        <i key={index} />
      ))}
    </output>
  )
}

interface EmptyProps {
  readonly title: string
  /** The next step, in words. */
  readonly children: ReactNode
  readonly command?: string
}

export function Empty({ title, children, command }: EmptyProps) {
  return (
    <div className="notice">
      <h2>{title}</h2>
      <div className="aside">{children}</div>
      {command === undefined ? null : <Command text={command} />}
    </div>
  )
}

export function Failed({
  what,
  failure,
  retry,
}: {
  readonly what: string
  readonly failure: Failure
  readonly retry: () => void
}) {
  return (
    <div className="notice failure" role="alert">
      <h2 className="refused">
        <Mark kind="refused" />
        {what}: {failure.title}
      </h2>
      <FailureText failure={failure} />
      <div className="actions">
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
        <RequestId failure={failure} />
      </div>
    </div>
  )
}

export function FailureText({ failure }: { readonly failure: Failure }) {
  return (
    <>
      {failure.detail === '' ? null : <p>{failure.detail}</p>}
      {failure.errors.map(({ pointer, message }) => (
        <p key={pointer + message}>
          <code>{pointer}</code> {message}
        </p>
      ))}
      <p className="aside">{failure.fix}</p>
    </>
  )
}

export function RequestId({ failure }: { readonly failure: Failure }) {
  if (failure.requestId === null) return null
  return (
    <span className="quiet">
      Request <code>{failure.requestId}</code>
    </span>
  )
}

/** Shown above content that could not be refreshed. */
export function Stale({
  at,
  failure,
  retry,
}: {
  readonly at: Date
  readonly failure: Failure
  readonly retry: () => void
}) {
  return (
    <output className="banner">
      <strong>
        <Mark kind="limited" />
        As of {timeText(at)}
      </strong>
      <span>
        {failure.title}
        {failure.detail === '' ? '' : `: ${failure.detail}`}
      </span>
      <RequestId failure={failure} />
      <button type="button" className="button" onClick={retry}>
        Try again
      </button>
    </output>
  )
}

/**
 * The shapes that go with the colours, and the sign of the product. Decoration: a word stands beside each.
 *
 * @module
 */
import type { ReactElement } from 'react'
import type { Kind } from '../gates.ts'

const shapes: Readonly<Record<Kind | 'none', ReactElement>> = {
  allowed: <circle cx="5" cy="5" r="4.5" />,
  refused: <rect x="0.75" y="0.75" width="8.5" height="8.5" rx="0.5" />,
  limited: <path d="M5 .5 9.8 9.25H.2Z" />,
  failed: <path d="M5 0 10 5 5 10 0 5Z" />,
  none: <circle cx="5" cy="5" r="3.75" fill="none" stroke="currentColor" strokeWidth="1.5" />,
}

export function Mark({ kind }: { readonly kind: Kind | 'none' }) {
  return (
    <svg className="mark" viewBox="0 0 10 10" aria-hidden="true">
      {shapes[kind]}
    </svg>
  )
}

/** @param word what the shape and the colour mean; said, and shown when `label` does not say it. */
export function Chip({
  kind,
  label,
  word,
}: {
  readonly kind: Kind | 'none'
  readonly label: string
  readonly word?: string
}) {
  return (
    <span className={`chip ${kind}`} title={word}>
      <Mark kind={kind} />
      {label}
      {word === undefined ? null : <span className="sr"> {word}</span>}
    </span>
  )
}

export const kindWords: Readonly<Record<Kind, string>> = {
  allowed: 'allowed',
  refused: 'refused',
  limited: 'limited',
  failed: 'failed behind the gates',
}

export function Brand() {
  return (
    <span className="brand">
      <svg viewBox="0 0 38 18" aria-hidden="true" fill="currentColor">
        <path d="M0 8h29v2H0z" />
        <circle cx="8" cy="9" r="4" />
        <circle cx="20" cy="9" r="4" />
        <rect x="29" y="0" width="4" height="18" rx="1" />
      </svg>
      Headgate
    </span>
  )
}

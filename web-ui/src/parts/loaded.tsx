/**
 * What was loaded, or what stands in its place; above it how old it is, when it could not be loaded again.
 *
 * @module
 */
import type { ReactNode } from 'react'
import type { Kept } from '../answer.ts'
import { Failed, Skeleton, Stale } from './notices.tsx'

interface LoadedProps<T> {
  readonly kept: Kept<T>
  /** Such as `keys`. */
  readonly of: string
  readonly rows?: number
  readonly children: (data: T) => ReactNode
}

export function Loaded<T>({ kept: { data, at, failure, retry }, of, rows = 6, children }: LoadedProps<T>) {
  if (data === undefined) {
    if (failure === undefined) return <Skeleton rows={rows} of={of} />
    return <Failed what={`No ${of}`} failure={failure} retry={retry} />
  }
  return (
    <>
      {failure === undefined || at === undefined ? null : <Stale {...{ at, failure, retry }} />}
      {children(data)}
    </>
  )
}

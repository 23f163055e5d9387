/**
 * Holds new rows back while somebody works with the list, so that it does not move under the pointer.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import { useState } from 'react'

type Rows = readonly DecisionRecord[] | undefined

interface Held {
  /** What is shown; undefined before the first answer. */
  readonly rows: Rows
  /** How many newer ones wait. */
  readonly waiting: number
  readonly show: () => void
}

/**
 * @param key another list starts anew.
 * @param busy somebody works with what is shown.
 */
export function useHeld(key: string, newest: Rows, busy: boolean): Held {
  const [shown, setShown] = useState({ key, rows: newest })
  const hold = busy && shown.key === key && shown.rows !== undefined && shown.rows.length > 0
  // Set while rendering, as React allows for a component's own state: an effect would first show what is outdated.
  if (!hold && (shown.key !== key || shown.rows !== newest)) setShown({ key, rows: newest })
  const known = new Set(shown.rows?.map(({ request_id: id }) => id))
  const waiting = hold ? (newest ?? []).filter(({ request_id: id }) => !known.has(id)).length : 0
  return { rows: hold ? shown.rows : newest, waiting, show: () => setShown({ key, rows: newest }) }
}

/**
 * The state of a credential of any kind: what is stored, and what it is worth at a moment.
 *
 * @module
 */

/** As REST shows it. */
export type ShownState = 'active' | 'disabled' | 'revoked' | 'expired'

interface Stored {
  readonly state: string
  readonly expiresAt: Date | null
}

/** What it is worth now: time counts before being switched off, because it cannot be undone. */
export function stateOf({ state, expiresAt }: Stored, nowMs: number): ShownState {
  if (state !== 'active' && state !== 'disabled') return 'revoked'
  return expiresAt !== null && expiresAt.getTime() <= nowMs ? 'expired' : state
}

/** The rows of which `stateOf` says so, for a query. */
export function whereState(state: ShownState, nowMs: number) {
  const now = new Date(nowMs)
  switch (state) {
    case 'revoked':
      return { state }
    case 'expired':
      return { state: { not: 'revoked' }, expiresAt: { lte: now } }
    case 'active':
    case 'disabled':
      return { state, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }
  }
}

/**
 * Takes a ban back, after a second look at what that does.
 *
 * @module
 */
import { useState } from 'react'
import type { Ban } from '../api.ts'
import { whomText } from './words.ts'

interface LiftProps {
  readonly ban: Ban
  readonly lift: () => Promise<void>
}

export function Lift({ ban, lift }: LiftProps) {
  const [at, setAt] = useState<'idle' | 'asking' | 'busy'>('idle')
  const whom = whomText(ban)
  if (at === 'idle') {
    return (
      <button type="button" className="button" aria-label={`Lift the ban of ${whom}…`} onClick={() => setAt('asking')}>
        Lift…
      </button>
    )
  }
  return (
    <fieldset className="actions" aria-label={`Lift the ban of ${whom}?`} disabled={at === 'busy'}>
      <span>
        Requests {ban.source === null ? 'of' : 'from'} {whom} come to the other gates again, on every agent.
      </span>
      <button
        type="button"
        className="button danger"
        onClick={() => {
          setAt('busy')
          void lift().finally(() => setAt('idle'))
        }}
      >
        Lift
      </button>
      <button type="button" className="button" onClick={() => setAt('idle')}>
        Keep
      </button>
    </fieldset>
  )
}

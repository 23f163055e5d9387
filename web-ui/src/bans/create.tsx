/**
 * Asks whom to shut out, why and for how long.
 *
 * @module
 */
import { type SubmitEvent, useEffect, useId, useRef, useState } from 'react'
import { type Failure, failureOf } from '../api.ts'
import { Refused } from '../consumers/actions.tsx'
import { lengths } from './words.ts'

export interface NewBan {
  readonly source?: string
  readonly consumer?: string
  readonly reason: string
  readonly expires_at?: string
}

interface CreateProps {
  readonly create: (ban: NewBan) => Promise<void>
  readonly close: () => void
}

export function CreateBan({ create, close }: CreateProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [kind, setKind] = useState<'source' | 'consumer'>('source')
  const [whom, setWhom] = useState('')
  const [reason, setReason] = useState('')
  const [length, setLength] = useState<string>('1 hour')
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure | null>(null)
  const [title, whomField, whomHint, reasonField, lengthField] = [useId(), useId(), useId(), useId(), useId()]
  // Modal: what is behind cannot be reached, and Escape closes it.
  useEffect(() => dialog.current?.showModal(), [])
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    setBusy(true)
    setFailure(null)
    const ms = lengths.find(({ label }) => label === length)?.ms ?? null
    const ends = ms === null ? {} : { expires_at: new Date(Date.now() + ms).toISOString() }
    create({ [kind]: whom.trim(), reason: reason.trim(), ...ends }).catch((thrown: unknown) => {
      setFailure(failureOf(thrown))
      setBusy(false)
    })
  }
  const isSource = kind === 'source'
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby={title} onClose={close}>
      <form className="form" onSubmit={submit} autoComplete="off">
        <h2 id={title}>Shut somebody out</h2>
        <fieldset>
          <legend className="label">Whom</legend>
          {(['source', 'consumer'] as const).map((each) => (
            <label key={each} className="check">
              <input type="radio" name="kind" checked={kind === each} onChange={() => setKind(each)} />
              {each === 'source' ? 'an address or a range' : 'a consumer, with whatever it presents'}
            </label>
          ))}
        </fieldset>
        <div>
          <label className="label" htmlFor={whomField}>
            {isSource ? 'Address or range' : 'Name of the consumer'}
          </label>
          <input
            id={whomField}
            aria-describedby={whomHint}
            className="input mono"
            spellCheck={false}
            required
            maxLength={isSource ? 64 : 128}
            placeholder={isSource ? '203.0.113.0/24' : 'mallory'}
            value={whom}
            onChange={({ target }) => setWhom(target.value)}
          />
          <p className="hint" id={whomHint}>
            {whom.trim() === '' ? 'It counts at once on every agent.' : effectText(isSource, whom.trim())}
          </p>
        </div>
        <div>
          <label className="label" htmlFor={reasonField}>
            Why
          </label>
          <input
            id={reasonField}
            className="input"
            required
            maxLength={500}
            value={reason}
            onChange={({ target }) => setReason(target.value)}
          />
        </div>
        <div>
          <label className="label" htmlFor={lengthField}>
            How long
          </label>
          <select id={lengthField} className="select" value={length} onChange={({ target }) => setLength(target.value)}>
            {lengths.map(({ label }) => (
              <option key={label}>{label}</option>
            ))}
          </select>
        </div>
        {failure === null ? null : <Refused failure={failure} />}
        <div className="actions">
          <button type="submit" className="button danger" disabled={busy || whom.trim() === '' || reason.trim() === ''}>
            Shut out
          </button>
          <button type="button" className="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  )
}

const effectText = (isSource: boolean, whom: string): string =>
  `Every request ${isSource ? 'from' : 'of consumer'} ${whom} is refused, at once, on every agent.`

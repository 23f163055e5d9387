/**
 * Switches a credential off and on, or ends it; then says which agents act on that.
 *
 * @module
 */
import { useState } from 'react'
import { type ApiKey, type Failure, failureOf, type Receipt } from '../api.ts'
import { Mark } from '../parts/marks.tsx'
import { FailureText, RequestId } from '../parts/notices.tsx'

interface ActionsProps {
  /** What is revoked, such as `key …Qd4x`. */
  readonly what: string
  readonly state: ApiKey['state']
  readonly switchTo: (disabled: boolean) => Promise<Receipt | null>
  readonly revoke: () => Promise<Receipt | null>
  /** Called when something has changed. */
  readonly changed: () => void
}

type Step =
  | { readonly at: 'idle' | 'asking' | 'busy' }
  | { readonly at: 'done'; readonly receipt: Receipt | null }
  | { readonly at: 'failed'; readonly failure: Failure }

export function Actions({ what, state, switchTo, revoke, changed }: ActionsProps) {
  const [step, setStep] = useState<Step>({ at: 'idle' })
  const run = (work: () => Promise<Receipt | null>) => {
    setStep({ at: 'busy' })
    work().then(
      (receipt) => {
        setStep({ at: 'done', receipt })
        changed()
      },
      (thrown: unknown) => setStep({ at: 'failed', failure: failureOf(thrown) }),
    )
  }
  const busy = step.at === 'busy'
  return (
    <>
      {state === 'revoked' ? null : step.at === 'asking' ? (
        <fieldset className="actions" aria-label={`Revoke ${what}?`}>
          <span>Revoke {what} for good?</span>
          <button type="button" className="button danger" onClick={() => run(revoke)}>
            Revoke
          </button>
          <button type="button" className="button" onClick={() => setStep({ at: 'idle' })}>
            Keep
          </button>
        </fieldset>
      ) : (
        <div className="actions">
          {state === 'expired' ? null : (
            <button
              type="button"
              className="button"
              disabled={busy}
              aria-label={`Switch ${what} ${state === 'disabled' ? 'on' : 'off'}`}
              onClick={() => run(() => switchTo(state !== 'disabled'))}
            >
              Switch {state === 'disabled' ? 'on' : 'off'}
            </button>
          )}
          <button
            type="button"
            className="button"
            disabled={busy}
            aria-label={`Revoke ${what}…`}
            onClick={() => setStep({ at: 'asking' })}
          >
            Revoke…
          </button>
        </div>
      )}
      <output>{step.at === 'done' && step.receipt !== null ? <ReceiptText receipt={step.receipt} /> : null}</output>
      {step.at === 'failed' ? <Refused failure={step.failure} /> : null}
    </>
  )
}

export function Refused({ failure }: { readonly failure: Failure }) {
  return (
    <div className="refusal" role="alert">
      <strong>
        <Mark kind="refused" />
        {failure.title}
      </strong>
      <FailureText failure={failure} />
      <RequestId failure={failure} />
    </div>
  )
}

export function ReceiptText({ receipt: { acked, pending, unreachable } }: { readonly receipt: Receipt }) {
  const names = (agents: Receipt['acked']): string => agents.map(({ name }) => name).join(', ')
  return (
    <span className="aside">
      Acted on by {acked.length} of {acked.length + pending.length} connected agents.
      {pending.length === 0 ? null : ` No answer yet from ${names(pending)}.`}
      {unreachable.length === 0 ? null : ` Not connected, and still acting on what they knew: ${names(unreachable)}.`}
    </span>
  )
}

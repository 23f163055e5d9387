/**
 * Uses a welcome link. The code came in the fragment of the address, which no server and no log sees, and is kept
 * nowhere but in this page while it is open.
 *
 * The first link of all creates the first owner. The control plane refuses it without a name, unused, and then this
 * page asks for one.
 *
 * @module
 */
import { type SubmitEvent, useEffect, useEffectEvent, useId, useRef, useState } from 'react'
import { type Failure, failureOf, useApi } from '../api.ts'
import { Command } from '../parts/command.tsx'
import { Mark } from '../parts/marks.tsx'
import { FailureText, RequestId, Skeleton } from '../parts/notices.tsx'
import { Door } from './signed-out.tsx'

type Step =
  | { readonly at: 'knocking' }
  | { readonly at: 'naming'; readonly refused: string; readonly busy: boolean }
  | { readonly at: 'refused'; readonly failure: Failure }

const NAME_POINTER = '/name'

interface WelcomeProps {
  readonly code: string
  /** Called when the browser holds a session. */
  readonly done: () => void
}

export function Welcome({ code, done }: WelcomeProps) {
  const api = useApi()
  const [step, setStep] = useState<Step>({ at: 'knocking' })

  const knock = (name: string | null) => {
    setStep(name === null ? { at: 'knocking' } : { at: 'naming', refused: '', busy: true })
    api
      .call('welcome', { body: { code, want: 'session', ...(name === null ? {} : { name }) } })
      .then(done, (thrown: unknown) => {
        const failure = failureOf(thrown)
        const asked = failure.errors.find(({ pointer }) => pointer === NAME_POINTER)
        if (asked === undefined) setStep({ at: 'refused', failure })
        else setStep({ at: 'naming', refused: name === null ? '' : asked.message, busy: false })
      })
  }

  // A code works once: a second call for the same visit would find it used.
  const knocked = useRef(false)
  const knockFirst = useEffectEvent(() => knock(null))
  useEffect(() => {
    if (code === '' || knocked.current) return
    knocked.current = true
    knockFirst()
  }, [code])

  if (code === '') return <NoCode />
  if (step.at === 'naming') return <AskName refused={step.refused} busy={step.busy} give={knock} />
  if (step.at === 'refused') return <Refused failure={step.failure} retry={() => knock(null)} />
  return (
    <Door>
      <h1>Signing you in</h1>
      <Skeleton rows={2} of="your session" />
    </Door>
  )
}

interface AskNameProps {
  /** Why the last name was not taken; empty when there was none. */
  readonly refused: string
  readonly busy: boolean
  readonly give: (name: string) => void
}

function AskName({ refused, busy, give }: AskNameProps) {
  const [name, setName] = useState('')
  const [field, hint] = [useId(), useId()]
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    give(name.trim())
  }
  return (
    <Door>
      <h1>Welcome to Headgate</h1>
      <p>You are the first operator here, so you become an owner: you may change everything and let others in.</p>
      <form onSubmit={submit}>
        <div>
          <label className="label" htmlFor={field}>
            Your name
          </label>
          <input
            id={field}
            className="input"
            name="name"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={63}
            required
            value={name}
            aria-describedby={hint}
            aria-invalid={refused !== ''}
            onChange={(event) => setName(event.target.value)}
          />
          {refused === '' ? (
            <p className="hint" id={hint}>
              Lower-case letters, digits, “.”, “_” and “-”. It stands beside everything that you change.
            </p>
          ) : (
            <p className="hint failure-title" id={hint} role="alert">
              <Mark kind="refused" />
              <span className="refused">{refused}</span>
            </p>
          )}
        </div>
        <button type="submit" className="button primary" disabled={busy || name.trim() === ''}>
          Create owner and sign in
        </button>
      </form>
    </Door>
  )
}

function Refused({ failure, retry }: { readonly failure: Failure; readonly retry: () => void }) {
  // A link that was refused stays refused; after anything else the same link may still work.
  const final = failure.code === 'welcome_code_invalid' || failure.code === 'input_invalid'
  return (
    <Door>
      <h1 className="failure-title">
        <Mark kind="refused" />
        {failure.title}
      </h1>
      {final ? null : <FailureText failure={failure} />}
      {final ? (
        <>
          {failure.detail === '' ? null : <p>{failure.detail}</p>}
          <p>A welcome link works once, within ten minutes. Make a new one:</p>
          <Command text="npx headgate open" />
        </>
      ) : (
        <div>
          <button type="button" className="button primary" onClick={retry}>
            Try again
          </button>
        </div>
      )}
      <RequestId failure={failure} />
    </Door>
  )
}

function NoCode() {
  return (
    <Door>
      <h1>This link has no code</h1>
      <p>A welcome link ends in “#” and a code; perhaps it was cut when it was copied. Make a new one:</p>
      <Command text="npx headgate open" />
    </Door>
  )
}

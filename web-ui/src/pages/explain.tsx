/**
 * What would happen to a request that is not sent.
 *
 * Everything but the credential stands in the address, so that it can be shared. A token or key is kept nowhere: it is in
 * the field until it is used, and gone from this page afterwards.
 *
 * @module
 */
import type { Call, Explanation } from '@headgate/admin-api'
import { type ReactNode, type SubmitEvent, useId, useState } from 'react'
import { go, useAddress } from '../address.ts'
import { useAnswer } from '../answer.ts'
import { type Failure, failureOf, ROWS_MAX, useApi, type Where } from '../api.ts'
import { Explained } from '../overview/explained.tsx'
import { Empty, Failed, Skeleton } from '../parts/notices.tsx'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Who calls. */
const callers = {
  nobody: 'nobody',
  key: 'an API key, by its id',
  credential: 'a client certificate or signing key, by its id',
  secret: 'a token or key that I paste',
  claims: 'a token that would say what I write',
} as const
type Caller = keyof typeof callers

type Result =
  | { readonly at: 'nothing' | 'busy' }
  | { readonly at: 'explained'; readonly explanation: Explanation }
  | { readonly at: 'failed'; readonly failure: Failure }

type Request = NonNullable<NonNullable<Call<'explain'>['body']>['request']>

export function Explain(where: Where) {
  const api = useApi()
  const { query } = useAddress()
  const [result, setResult] = useState<Result>({ at: 'nothing' })
  const [caller, setCaller] = useState<Caller>('nobody')
  const [id, setId] = useState('')
  const [secret, setSecret] = useState('')
  const [issuer, setIssuer] = useState('')
  const [claims, setClaims] = useState('{\n  "client_id": "billing",\n  "scope": "orders:read"\n}')
  const scheme = query.get('scheme') === 'http' ? 'http' : 'https'
  const release = query.get('release') === 'draft' ? 'draft' : 'live'
  const address = query.get('address') ?? ''
  const host = query.get('host') ?? ''

  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const request: Request = {
      method: query.get('method') ?? 'GET',
      target: query.get('path') ?? '/',
      scheme,
      ...(host === '' ? {} : { host }),
      ...(address === '' ? {} : { address }),
      ...callerOf(caller, { id: id.trim(), secret: bare(secret), issuer, claims: claimsOf(claims) ?? {} }),
    }
    // Before the answer: whatever comes of it, it is not needed any more.
    setSecret('')
    setResult({ at: 'busy' })
    api.call('explain', { params: { ...where }, body: { request, release } }).then(
      (explanation) => setResult({ at: 'explained', explanation }),
      (thrown: unknown) => setResult({ at: 'failed', failure: failureOf(thrown) }),
    )
  }

  const missing: Readonly<Record<Caller, boolean>> = {
    nobody: false,
    key: id.trim() === '',
    credential: id.trim() === '',
    secret: bare(secret) === '',
    claims: issuer === '' || claimsOf(claims) === null,
  }
  return (
    <div className="work ask">
      <section className="card" aria-labelledby="request">
        <header>
          <h2 id="request">A request that is not sent</h2>
        </header>
        <form className="form" onSubmit={submit} autoComplete="off">
          <div className="fields">
            <Select label="Method" name="method" value={query.get('method') ?? 'GET'} options={METHODS} />
            <Field label="Path and query" name="path" value={query.get('path') ?? '/'} />
            <Field label="Host" name="host" value={host} placeholder="localhost" />
            <Field label="From address" name="address" value={address} placeholder="127.0.0.1" />
            <Select label="Over" name="scheme" value={scheme} options={['https', 'http']} />
            <Select label="Decided by" name="release" value={release} options={['live', 'draft']} />
          </div>
          <fieldset>
            <legend className="label">Who calls</legend>
            {(Object.keys(callers) as Caller[]).map((each) => (
              <label key={each} className="check">
                <input type="radio" name="caller" checked={caller === each} onChange={() => setCaller(each)} />
                {callers[each]}
              </label>
            ))}
          </fieldset>
          {caller === 'key' || caller === 'credential' ? (
            <Labelled label={caller === 'key' ? 'Id of the key' : 'Id of the credential'}>
              {(field) => (
                <input
                  id={field}
                  className="input mono"
                  placeholder={caller === 'key' ? 'key_…' : 'crd_…'}
                  spellCheck={false}
                  value={id}
                  onChange={({ target }) => setId(target.value)}
                />
              )}
            </Labelled>
          ) : null}
          {caller === 'secret' ? (
            <Labelled
              label="Token or API key"
              hint="Used for this answer and kept nowhere: it is gone from the page when you ask."
            >
              {(id, hint) => (
                <input
                  id={id}
                  aria-describedby={hint}
                  className="input mono"
                  type="password"
                  // A browser that offers to keep it would keep it.
                  autoComplete="new-password"
                  spellCheck={false}
                  value={secret}
                  onChange={({ target }) => setSecret(target.value)}
                />
              )}
            </Labelled>
          ) : null}
          {caller === 'claims' ? <Claims {...{ where, issuer, setIssuer, claims, setClaims }} /> : null}
          <div>
            <button type="submit" className="button primary" disabled={result.at === 'busy' || missing[caller]}>
              Explain
            </button>
          </div>
        </form>
      </section>
      <section className="card" aria-label="Explanation" aria-live="polite">
        <Answer result={result} again={() => setResult({ at: 'nothing' })} />
      </section>
    </div>
  )
}

function Answer({ result, again }: { readonly result: Result; readonly again: () => void }) {
  switch (result.at) {
    case 'nothing':
      return (
        <Empty title="Ask what would happen" command="npx headgate explain --path /orders/42 --jwt token.txt">
          Each gate says whether the request would pass, what it needs and what it has. Nothing is sent, and nothing is
          counted. The same in a terminal:
        </Empty>
      )
    case 'busy':
      return <Skeleton rows={9} of="the explanation" />
    case 'failed':
      return <Failed what="No explanation" failure={result.failure} retry={again} />
    case 'explained':
      return <Explained explanation={result.explanation} requestId={null} />
  }
}

interface ClaimsProps {
  readonly where: Where
  readonly issuer: string
  readonly setIssuer: (name: string) => void
  readonly claims: string
  readonly setClaims: (text: string) => void
}

function Claims({ where, issuer, setIssuer, claims, setClaims }: ClaimsProps) {
  const api = useApi()
  const issuers = useAnswer(`issuer names ${where.tenant} ${where.environment}`, async (signal) => {
    const query = { kind: 'issuer' as const, limit: ROWS_MAX }
    return (await api.call('listObjects', { params: { ...where }, query, signal })).data.map(({ name }) => name)
  })
  const isWrong = claimsOf(claims) === null
  return (
    <>
      <Labelled label="Issuer">
        {(field) => (
          <select id={field} className="select" value={issuer} onChange={({ target }) => setIssuer(target.value)}>
            <option value="">choose one</option>
            {(issuers.data ?? []).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Labelled>
      <Labelled
        label="Claims"
        hint={isWrong ? 'This is not a JSON object.' : 'iss, aud and exp are put in where they are missing.'}
      >
        {(field, hint) => (
          <textarea
            id={field}
            aria-describedby={hint}
            aria-invalid={isWrong}
            className="input mono"
            rows={6}
            spellCheck={false}
            value={claims}
            onChange={({ target }) => setClaims(target.value)}
          />
        )}
      </Labelled>
    </>
  )
}

interface Given {
  readonly id: string
  readonly secret: string
  readonly issuer: string
  readonly claims: Record<string, unknown>
}

function callerOf(caller: Caller, { id, secret, issuer, claims }: Given): Partial<Request> {
  switch (caller) {
    case 'nobody':
      return {}
    case 'key':
      return { as_key: id }
    case 'credential':
      return { as_credential: id }
    case 'claims':
      return { as_claims: { issuer, claims } }
    case 'secret':
      if (!secret.startsWith('hgk_')) return { as_token: secret }
      return { headers: [{ name: 'authorization', value: `Bearer ${secret}` }] }
  }
}

/** @returns null for what is no JSON object. */
function claimsOf(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

/** The credential alone, also when it was pasted with the field that carried it. */
const bare = (text: string): string => text.trim().replace(/^(?:authorization: *)?(?:bearer|dpop) +/i, '')

interface LabelledProps {
  readonly label: string
  readonly hint?: string
  readonly children: (id: string, hint: string) => ReactNode
}

function Labelled({ label, hint, children }: LabelledProps) {
  const [id, hintId] = [useId(), useId()]
  return (
    <div>
      <label className="label" htmlFor={id}>
        {label}
      </label>
      {children(id, hintId)}
      {hint === undefined ? null : (
        <p className="hint" id={hintId}>
          {hint}
        </p>
      )}
    </div>
  )
}

interface FieldProps {
  readonly label: string
  /** Of the parameter in the address. */
  readonly name: string
  readonly value: string
  readonly placeholder?: string
}

const keep = (name: string, value: string): void => go({ query: { [name]: value === '' ? null : value } }, 'replace')

function Field({ label, name, value, placeholder }: FieldProps) {
  return (
    <Labelled label={label}>
      {(id) => (
        <input
          id={id}
          className="input mono"
          spellCheck={false}
          placeholder={placeholder}
          value={value}
          onChange={({ target }) => keep(name, target.value)}
        />
      )}
    </Labelled>
  )
}

function Select({ label, name, value, options }: FieldProps & { readonly options: readonly string[] }) {
  return (
    <Labelled label={label}>
      {(id) => (
        <select id={id} className="select" value={value} onChange={({ target }) => keep(name, target.value)}>
          {options.map((option) => (
            <option key={option}>{option}</option>
          ))}
        </select>
      )}
    </Labelled>
  )
}

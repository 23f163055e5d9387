/**
 * The bar above everything: where one is, what is live there, who one is.
 *
 * @module
 */
import { useState } from 'react'
import { go } from '../address.ts'
import { type Failure, failureOf, type Operator, type Release, useApi } from '../api.ts'
import { Brand, Chip } from '../parts/marks.tsx'
import { ThemeSwitch } from '../parts/theme-switch.tsx'
import { releaseText } from '../words.ts'
import { ofOnePage } from './navigation.tsx'
import type { Place } from './place.ts'

interface TopBarProps {
  readonly place: Place
  /** undefined: not known yet; null: nothing published. */
  readonly release: Release | null | undefined
  readonly operator: Operator
  readonly signedOut: () => void
}

export function TopBar({ place, release, operator, signedOut }: TopBarProps) {
  const production = place.environment?.startsWith('prod') === true
  return (
    <header className={production ? 'top production' : 'top'}>
      <Brand />
      <Picker place={place} />
      <output>{release === undefined ? null : <ReleaseState release={release} />}</output>
      <div className="who push">
        <ThemeSwitch />
        <SignOut operator={operator} signedOut={signedOut} />
      </div>
    </header>
  )
}

function ReleaseState({ release }: { readonly release: Release | null }) {
  const { text, kind } = releaseText(release)
  return <Chip kind={kind} label={text} />
}

function Picker({ place: { tenants, environments, tenant, environment } }: { readonly place: Place }) {
  if (tenant === null) return null
  return (
    <span className="place">
      <Choice
        label="Tenant"
        value={tenant}
        names={tenants.data ?? []}
        choose={(name) => go({ query: { ...ofOnePage, tenant: name, environment: null } })}
      />
      <span className="quiet" aria-hidden="true">
        /
      </span>
      <Choice
        label="Environment"
        value={environment ?? ''}
        names={environments.data?.map(({ name }) => name) ?? []}
        choose={(name) => go({ query: { ...ofOnePage, environment: name } })}
      />
    </span>
  )
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  readonly names: readonly string[]
  readonly choose: (name: string) => void
}

function Choice({ label, value, names, choose }: ChoiceProps) {
  // The address may name what is not, or not yet, in the list.
  const offered = value === '' || names.includes(value) ? names : [value, ...names]
  return (
    <select
      className="select"
      aria-label={label}
      value={value}
      disabled={offered.length === 0}
      onChange={(event) => choose(event.target.value)}
    >
      {offered.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  )
}

function SignOut({ operator, signedOut }: Pick<TopBarProps, 'operator' | 'signedOut'>) {
  const api = useApi()
  const [failure, setFailure] = useState<Failure | null>(null)
  const signOut = () => {
    api.call('signOut').then(signedOut, (thrown: unknown) => {
      const failed = failureOf(thrown)
      if (failed.code === 'not_signed_in') signedOut()
      else setFailure(failed)
    })
  }
  return (
    <>
      <span className="aside">{operator.name}</span>
      <button type="button" className="button plain" onClick={signOut}>
        Sign out
      </button>
      {failure === null ? null : <span role="alert">Still signed in: {failure.title}</span>}
    </>
  )
}

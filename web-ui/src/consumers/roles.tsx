/**
 * The roles of a consumer, to be ticked. They count at once; what a role gives is in the live release.
 *
 * @module
 */
import { useState } from 'react'
import { useAnswer } from '../answer.ts'
import { type ConfigObject, type Consumer, type Failure, failureOf, ROWS_MAX, useApi, type Where } from '../api.ts'
import { Command } from '../parts/command.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Refused } from './actions.tsx'

interface RolesProps {
  readonly where: Where
  readonly consumer: Consumer
  readonly changed: () => void
}

export function Roles(props: RolesProps) {
  const { where } = props
  const api = useApi()
  const roles = useAnswer(`roles ${where.tenant} ${where.environment}`, async (signal) => {
    const query = { kind: 'role' as const, limit: ROWS_MAX }
    return (await api.call('listObjects', { params: { ...where }, query, signal })).data
  })
  return (
    <section aria-labelledby="roles">
      <h3 id="roles">Roles</h3>
      <Loaded kept={roles} of="roles" rows={2}>
        {(known) => <Choice key={props.consumer.revision} known={known} {...props} />}
      </Loaded>
    </section>
  )
}

function Choice({ where, consumer, changed, known }: RolesProps & { readonly known: readonly ConfigObject[] }) {
  const api = useApi()
  const [chosen, setChosen] = useState<readonly string[]>(consumer.roles)
  const [busy, setBusy] = useState(false)
  const [failure, setFailure] = useState<Failure | null>(null)
  // One that the consumer has may be gone from the draft.
  const names = [...new Set([...known.map(({ name }) => name), ...consumer.roles])].toSorted()
  if (names.length === 0) {
    return (
      <>
        <p className="aside">There are no roles here yet. A role is a name for a set of scopes:</p>
        <Command text="npx headgate roles create reader --scope orders:read" />
      </>
    )
  }
  const isSame = chosen.length === consumer.roles.length && chosen.every((role) => consumer.roles.includes(role))
  const save = () => {
    setBusy(true)
    setFailure(null)
    const params = { ...where, consumer: consumer.name }
    api.call('updateConsumer', { params, body: { roles: [...chosen] }, ifMatch: consumer.revision }).then(
      () => changed(),
      (thrown: unknown) => {
        setFailure(failureOf(thrown))
        setBusy(false)
      },
    )
  }
  return (
    <>
      <ul className="choices">
        {names.map((name) => (
          <li key={name}>
            <label className="check">
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                disabled={busy}
                onChange={({ target }) =>
                  setChosen((before) => (target.checked ? [...before, name] : before.filter((role) => role !== name)))
                }
              />
              {name}
              <span className="quiet">{scopesText(known, name)}</span>
            </label>
          </li>
        ))}
      </ul>
      <div className="actions">
        <button type="button" className="button primary" disabled={busy || isSame} onClick={save}>
          Save roles
        </button>
        {isSame ? null : <span className="aside">Counts at once on every agent</span>}
      </div>
      {failure === null ? null : <Refused failure={failure} />}
    </>
  )
}

function scopesText(known: readonly ConfigObject[], name: string): string {
  const role = known.find((object) => object.name === name)
  if (role === undefined) return 'is not in the draft any more'
  const { scopes } = role.spec
  return Array.isArray(scopes) && scopes.length > 0 ? scopes.join(', ') : 'no scopes'
}

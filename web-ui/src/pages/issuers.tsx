/**
 * Whose tokens count here and how they are read, and the roles that consumers and tokens have.
 *
 * @module
 */
import type { ReactNode } from 'react'
import { issuerFacts } from '../access/issuer-facts.ts'
import { useAnswer } from '../answer.ts'
import { type ConfigObject, ROWS_MAX, useApi, type Where } from '../api.ts'
import { Loaded } from '../parts/loaded.tsx'
import { Empty } from '../parts/notices.tsx'
import { More, Table } from '../parts/table.tsx'

export function Issuers(where: Where) {
  return (
    <div className="column">
      <section className="card" aria-labelledby="issuers">
        <header>
          <h2 id="issuers">Issuers</h2>
          <span className="quiet">of the draft</span>
        </header>
        <Objects kind="issuer" where={where}>
          {(issuers) =>
            issuers.length === 0 ? (
              <Empty
                title="No issuers yet"
                command="npx headgate issuers create idp --issuer https://idp.example.com --audience https://api.example.com"
              >
                An issuer signs the tokens of your callers, or is asked about them. Trust one:
              </Empty>
            ) : (
              <ul className="issuers">
                {issuers.map((issuer) => (
                  <Issuer key={issuer.name} issuer={issuer} />
                ))}
              </ul>
            )
          }
        </Objects>
      </section>
      <section className="card" aria-labelledby="roles">
        <header>
          <h2 id="roles">Roles</h2>
          <span className="quiet">of the draft</span>
        </header>
        <Objects kind="role" where={where}>
          {(roles) =>
            roles.length === 0 ? (
              <Empty title="No roles yet" command="npx headgate roles create reader --scope orders:read">
                A role is a name for a set of scopes. Consumers have roles, and tokens can name some:
              </Empty>
            ) : (
              <Table name="Roles" columns={roleColumns} rows={roles} id={({ name }) => name} />
            )
          }
        </Objects>
      </section>
    </div>
  )
}

interface ObjectsProps {
  readonly kind: 'issuer' | 'role'
  readonly where: Where
  readonly children: (objects: readonly ConfigObject[]) => ReactNode
}

function Objects({ kind, where, children }: ObjectsProps) {
  const api = useApi()
  const objects = useAnswer(`${kind}s ${where.tenant} ${where.environment}`, (signal) =>
    api.call('listObjects', { params: { ...where }, query: { kind, limit: ROWS_MAX }, signal }),
  )
  return (
    <Loaded kept={objects} of={`${kind}s`} rows={4}>
      {({ data, has_more: more }) => (
        <>
          {children(data)}
          <More more={more} command={`npx headgate ${kind}s ls`} />
        </>
      )}
    </Loaded>
  )
}

function Issuer({ issuer: { name, spec, origin } }: { readonly issuer: ConfigObject }) {
  const { issuer, description } = spec
  return (
    <li>
      <h3 className="name">
        {name} <code>{String(issuer)}</code> <span className="quiet">{origin}</span>
      </h3>
      {typeof description === 'string' ? <p className="aside">{description}</p> : null}
      <dl className="pairs">
        {issuerFacts(spec).map(([fact, text]) => (
          <div key={fact}>
            <dt>{fact}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </li>
  )
}

const roleColumns = [
  { title: 'Name', cell: ({ name }: ConfigObject) => <strong>{name}</strong> },
  { title: 'Scopes', cell: ({ spec }: ConfigObject) => <ScopesOf scopes={spec['scopes']} /> },
  {
    title: 'For people',
    cell: ({ spec }: ConfigObject) => <span className="aside">{text(spec['description'])}</span>,
  },
  { title: 'Written at', cell: ({ origin }: ConfigObject) => <span className="quiet">{origin}</span> },
]

function ScopesOf({ scopes }: { readonly scopes: unknown }) {
  if (!Array.isArray(scopes) || scopes.length === 0) return <span className="quiet">a name only</span>
  return <code>{scopes.map(String).join(', ')}</code>
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

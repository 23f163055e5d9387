/**
 * How much may be called: every limit as it applies, who counts it, and how exact that is.
 *
 * @module
 */
import type { Answer, Limit } from '@headgate/admin-api'
import { go, useAddress } from '../address.ts'
import { useAnswer } from '../answer.ts'
import { useApi, type Where } from '../api.ts'
import { toPage } from '../frame/navigation.tsx'
import { ShadowChip } from '../limits/shadow-chip.tsx'
import { amountText, costText, countedBy, keyText, placeText } from '../limits/words.ts'
import { Link } from '../parts/link.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Empty } from '../parts/notices.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { countText } from '../words.ts'

/** The bound changes with the agents that are connected: between two loads, in milliseconds. */
const RELOAD_MS = 15_000

/** Names that fit into a line. */
const ROUTES_SHOWN = 3

export function Limits(where: Where) {
  const api = useApi()
  const release = useAddress().query.get('release') === 'draft' ? 'draft' : 'live'
  const limits = useAnswer(
    `limits ${where.tenant} ${where.environment} ${release}`,
    (signal) => api.call('listLimits', { params: { ...where }, query: { release }, signal }),
    RELOAD_MS,
  )
  return (
    <section className="card" aria-labelledby="limits">
      <header>
        <h2 id="limits">Limits that apply</h2>
        <label className="push">
          Of{' '}
          <select
            className="select"
            value={release}
            onChange={({ target }) => go({ query: { release: target.value === 'draft' ? 'draft' : null } }, 'replace')}
          >
            <option value="live">the live release</option>
            <option value="draft">the draft</option>
          </select>
        </label>
      </header>
      <Loaded kept={limits} of="limits">
        {(found) => (found.data.length === 0 ? <None release={found.release} /> : <Found {...found} />)}
      </Loaded>
    </section>
  )
}

function None({ release }: { readonly release: string }) {
  if (release === 'none') {
    return (
      <Empty title="Nothing is live yet" command="npx headgate releases publish">
        Limits count once they are in a release. Look at those of the draft above, then publish:
      </Empty>
    )
  }
  return (
    <Empty title="No limits here" command="npx headgate protect http://localhost:3000 --name billing --limit 100/1m">
      Whoever may call, may call as often as they like. Protect a service with a limit:
    </Empty>
  )
}

function Found({ data, groups }: Answer<'listLimits'>) {
  return (
    <>
      {groups > 1 ? (
        <p className="aside foot-note">
          {countText(groups)} agent groups serve this environment. Each counts for itself: what is said of how exact a
          limit is holds in each.
        </p>
      ) : null}
      <Table name="Limits" columns={columns} rows={data} id={({ policy }) => policy} />
    </>
  )
}

const columns: readonly Column<Limit>[] = [
  {
    title: 'Policy',
    cell: ({ policy, origin, shadow }) => (
      <>
        <code title={origin}>{policy}</code>
        {shadow ? <ShadowChip /> : null}
      </>
    ),
  },
  { title: 'At most', cell: amountText },
  {
    title: 'For each',
    cell: ({ key, costs }) => (
      <>
        {keyText(key)}
        {costs.map((cost) => (
          <p key={costText(cost)} className="quiet">
            {costText(cost)}
          </p>
        ))}
      </>
    ),
  },
  { title: 'On', cell: (limit) => <Routes limit={limit} /> },
  { title: 'Counted by', cell: ({ shared }) => <CountedBy shared={shared} /> },
  { title: 'How exact', cell: ({ error_bound: bound }) => <p className="sentence">{bound.text}</p> },
]

function Routes({ limit }: { readonly limit: Limit }) {
  const { count, names } = limit.routes
  const shown = names.slice(0, ROUTES_SHOWN)
  return (
    <>
      {count === 0 ? 'no route' : `${countText(count)} ${count === 1 ? 'route' : 'routes'}`}{' '}
      <span className="quiet">of {placeText(limit)}</span>
      {count === 0 ? null : (
        <p>
          {shown.map((route) => (
            <span key={route}>
              <Link to={toPage('/access', { route })}>{route}</Link>{' '}
            </span>
          ))}
          {count > shown.length ? <span className="quiet">and {countText(count - shown.length)} more</span> : null}
        </p>
      )}
    </>
  )
}

function CountedBy({ shared }: Pick<Limit, 'shared'>) {
  const { who, how } = countedBy(shared)
  return (
    <>
      {who}
      {how === '' ? null : <p className="quiet sentence">{how}</p>}
    </>
  )
}

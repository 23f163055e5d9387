/**
 * The keys that somebody should look at, and what happened to keys that nobody should have.
 *
 * @module
 */
import { go, useAddress } from '../address.ts'
import { useAnswer } from '../answer.ts'
import { type ApiKey, type KeyReport, ROWS_MAX, type SecurityEvent, useApi, type Where } from '../api.ts'
import { Ends, LastUsed, Scopes, StateChip } from '../consumers/words.tsx'
import { toPage } from '../frame/navigation.tsx'
import { Link } from '../parts/link.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Chip } from '../parts/marks.tsx'
import { Empty } from '../parts/notices.tsx'
import { type Column, More, Table } from '../parts/table.tsx'
import { countText, dateText, timeText } from '../words.ts'

/** What may count as unused, in days. */
const UNUSED_DAYS = ['30', '90', '180', '365'] as const

/** What counts as ending soon, in days. */
const EXPIRING_DAYS = 30

/** Events that are shown. */
const EVENTS = 20

export function Keys(where: Where) {
  const api = useApi()
  const asked = useAddress().query.get('unused')
  const days = UNUSED_DAYS.find((each) => each === asked) ?? '90'
  const report = useAnswer(`key report ${where.tenant} ${where.environment} ${days}`, (signal) => {
    const query = { unused_for_days: days, expiring_within_days: EXPIRING_DAYS, limit: ROWS_MAX }
    return api.call('reportKeys', { params: { ...where }, query, signal })
  })
  return (
    <div className="column">
      <section className="card" aria-labelledby="report">
        <header>
          <h2 id="report">API keys that work now</h2>
          <label className="push">
            Unused means for{' '}
            <select
              className="select"
              value={days}
              onChange={({ target }) => go({ query: { unused: target.value } }, 'replace')}
            >
              {UNUSED_DAYS.map((each) => (
                <option key={each} value={each}>
                  {each} days
                </option>
              ))}
            </select>
          </label>
        </header>
        <Loaded kept={report} of="report of keys">
          {(found) => <Report report={found} />}
        </Loaded>
      </section>
      <Events {...where} />
    </div>
  )
}

interface Group {
  readonly title: string
  readonly about: string
  readonly group: KeyReport['unused']
}

function Report({ report }: { readonly report: KeyReport }) {
  const { still_used: stillUsed } = report.rotating
  const groups: readonly Group[] = [
    { title: 'Never used', about: 'Nobody needs them yet, or nobody ever did.', group: report.never_used },
    {
      title: 'Unused',
      about: `Used once, but not for ${report.unused_for_days} days. Ask the consumer, then revoke them.`,
      group: report.unused,
    },
    {
      title: 'End soon',
      about: `End within ${report.expiring_within_days} days and have no successor. Rotate them before.`,
      group: report.expiring,
    },
    {
      title: 'Being rotated',
      about: `Have a successor and still work. ${stillUsed} ${stillUsed === 1 ? 'is' : 'are'} still used.`,
      group: report.rotating,
    },
  ]
  if (report.active === 0) {
    return (
      <Empty title="No key works here" command="npx headgate keys create --consumer alice --scope orders:read">
        A key is shown once, when it is made:
      </Empty>
    )
  }
  return (
    <>
      <dl className="figures figures-box">
        <div>
          <dt>Work now</dt>
          <dd>{countText(report.active)}</dd>
        </div>
        {groups.map(({ title, group: { count } }) => (
          <div key={title}>
            <dt>{title}</dt>
            <dd>{countText(count)}</dd>
          </div>
        ))}
      </dl>
      {groups.every(({ group }) => group.count === 0) ? (
        <p className="aside foot-note">Nothing to do: every key is used, and none ends soon.</p>
      ) : null}
      {groups.map((group) => (group.group.count === 0 ? null : <GroupTable key={group.title} {...group} />))}
    </>
  )
}

function GroupTable({ title, about, group: { count, keys } }: Group) {
  return (
    <section className="part" aria-label={title}>
      <h3>
        {title} <span className="quiet">{about}</span>
      </h3>
      <Table name={title} columns={keyColumns} rows={keys} id={({ id }) => id} />
      <More more={count > keys.length} command="npx headgate keys ls" />
    </section>
  )
}

const keyColumns: readonly Column<ApiKey>[] = [
  {
    title: 'Key',
    cell: ({ hint, name, id }) => (
      <span title={id}>
        <code>{hint}</code> <span className="quiet">{name}</span>
      </span>
    ),
  },
  {
    title: 'Consumer',
    cell: ({ consumer }) => <Link to={toPage('/consumers', { consumer })}>{consumer}</Link>,
  },
  { title: 'Scopes', cell: ({ scopes }) => <Scopes scopes={scopes} /> },
  {
    title: 'Last used',
    cell: ({ last_used: used, rotation }) => (
      <>
        <LastUsed used={used} />
        {rotation?.old_still_used === true ? <Chip kind="limited" label="still used" /> : null}
      </>
    ),
  },
  { title: 'End', cell: ({ expires_at: at }) => <Ends at={at} /> },
  { title: 'State', cell: ({ state, decoy }) => <StateChip state={state} decoy={decoy} /> },
]

function Events(where: Where) {
  const api = useApi()
  const events = useAnswer(
    `security events ${where.tenant} ${where.environment}`,
    async (signal) =>
      (await api.call('listSecurityEvents', { params: { ...where }, query: { limit: EVENTS }, signal })).data,
    10_000,
  )
  return (
    <section className="card" aria-labelledby="events">
      <header>
        <h2 id="events">Decoys and leaks</h2>
      </header>
      <Loaded kept={events} of="events" rows={2}>
        {(found) =>
          found.length === 0 ? (
            <Empty title="Nothing happened" command="npx headgate keys create --consumer bait --decoy">
              No decoy was presented, and no key was found in public. Lay out a decoy where nobody should look:
            </Empty>
          ) : (
            <Table name="Decoys and leaks" columns={eventColumns} rows={found} id={({ id }) => id} />
          )
        }
      </Loaded>
    </section>
  )
}

const actionTexts: Readonly<Record<SecurityEvent['action'], string>> = {
  alert: 'reported',
  throttle: 'throttled',
  disable: 'switched off',
  revoke: 'revoked',
}

const eventColumns: readonly Column<SecurityEvent>[] = [
  {
    title: 'When',
    cell: ({ at }) => (
      <span title={at}>
        {dateText(at)} {timeText(at)}
      </span>
    ),
  },
  {
    title: 'What',
    cell: ({ kind }) => (
      <Chip kind="refused" label={kind === 'decoy_used' ? 'decoy was presented' : 'key was found in public'} />
    ),
  },
  { title: 'Consumer', cell: ({ consumer }) => <Link to={toPage('/consumers', { consumer })}>{consumer}</Link> },
  { title: 'By', cell: ({ address, agent }) => `${address}${agent === null ? '' : ` at ${agent}`}` },
  { title: 'Where', cell: ({ url }) => (url === null ? <span className="quiet">—</span> : <span>{url}</span>) },
  { title: 'The key was', cell: ({ action }) => actionTexts[action] },
]

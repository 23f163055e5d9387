/**
 * Who is shut out, by whom and why; shuts out others, and takes it back.
 *
 * @module
 */
import { useEffect, useRef, useState } from 'react'
import { go, useAddress } from '../address.ts'
import { useAnswer } from '../answer.ts'
import { type Ban, type Failure, failureOf, type Operator, type Receipt, ROWS_MAX, useApi, type Where } from '../api.ts'
import { CreateBan, type NewBan } from '../bans/create.tsx'
import { Lift } from '../bans/lift.tsx'
import { whomText } from '../bans/words.ts'
import { ReceiptText, Refused } from '../consumers/actions.tsx'
import { toPage } from '../frame/navigation.tsx'
import { mayEdit } from '../frame/role.ts'
import { Link } from '../parts/link.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Chip } from '../parts/marks.tsx'
import { Empty } from '../parts/notices.tsx'
import { type Column, More, Table } from '../parts/table.tsx'
import { dateText, timeText } from '../words.ts'

/** Bans end by themselves: between two loads, in milliseconds. */
const RELOAD_MS = 15_000

/** How long agents are waited for, in milliseconds. */
const WAIT = { wait: 'true', timeout_ms: 3_000 } as const

type Done =
  | { readonly at: 'changed'; readonly text: string; readonly receipt: Receipt | null }
  | { readonly at: 'failed'; readonly failure: Failure }

interface BansProps {
  readonly operator: Operator
  readonly where: Where
}

export function Bans({ operator, where }: BansProps) {
  const api = useApi()
  const state = useAddress().query.get('bans') === 'all' ? 'all' : 'active'
  const [creating, setCreating] = useState(false)
  const [done, setDone] = useState<Done | null>(null)
  const bans = useAnswer(
    `bans ${where.tenant} ${where.environment} ${state}`,
    (signal) => api.call('listBans', { params: { ...where }, query: { state, limit: ROWS_MAX }, signal }),
    RELOAD_MS,
  )
  const create = async (body: NewBan) => {
    const { receipt, ...ban } = await api.call('createBan', { params: { ...where }, query: WAIT, body })
    setCreating(false)
    setDone({ at: 'changed', text: `${whomText(ban)} is shut out.`, receipt })
    bans.retry()
  }
  const lift = async (ban: Ban) => {
    try {
      const { receipt } = await api.call('liftBan', { params: { ...where, ban: ban.id }, query: WAIT })
      setDone({ at: 'changed', text: `The ban of ${whomText(ban)} is lifted.`, receipt })
      bans.retry()
    } catch (thrown) {
      setDone({ at: 'failed', failure: failureOf(thrown) })
    }
  }
  const canEdit = mayEdit(operator, where.tenant)
  return (
    <section className="card" aria-labelledby="bans">
      <header>
        <h2 id="bans">Shut out</h2>
        <label className="check push">
          <input
            type="checkbox"
            checked={state === 'all'}
            onChange={({ target }) => go({ query: { bans: target.checked ? 'all' : null } }, 'replace')}
          />
          those that have ended too
        </label>
        {canEdit ? (
          <button type="button" className="button" onClick={() => setCreating(true)}>
            Shut out…
          </button>
        ) : (
          <span className="quiet">Changing this needs the role editor</span>
        )}
      </header>
      {done === null ? null : <Told done={done} />}
      <Loaded kept={bans} of="bans">
        {({ data, has_more: more }) =>
          data.length === 0 ? (
            <Empty
              title="Nobody is shut out"
              command='npx headgate bans create --source 203.0.113.0/24 --for 1h --reason "guesses keys"'
            >
              A ban refuses an address range or a consumer on every agent, at once and without a release:
            </Empty>
          ) : (
            <>
              <Table
                name="Bans"
                columns={canEdit ? [...columns, liftColumn(lift)] : columns}
                rows={data}
                id={({ id }) => id}
              />
              <More more={more} command={`npx headgate bans ls${state === 'all' ? ' --all' : ''}`} />
            </>
          )
        }
      </Loaded>
      {creating ? <CreateBan create={create} close={() => setCreating(false)} /> : null}
    </section>
  )
}

function Told({ done }: { readonly done: Done }) {
  const place = useRef<HTMLDivElement>(null)
  // The button that was pressed may be gone.
  useEffect(() => place.current?.focus(), [done])
  return (
    <div ref={place} tabIndex={-1} className="foot-note">
      {done.at === 'failed' ? (
        <Refused failure={done.failure} />
      ) : (
        <output>
          {done.text} {done.receipt === null ? null : <ReceiptText receipt={done.receipt} />}
        </output>
      )}
    </div>
  )
}

const states = { active: 'refused', expired: 'none', lifted: 'none' } as const
const labels = { active: 'shut out', expired: 'has ended', lifted: 'lifted' } as const

const columns: readonly Column<Ban>[] = [
  {
    title: 'Whom',
    cell: ({ id, source, consumer }) => (
      <span title={id}>
        {consumer === null ? (
          <code>{source}</code>
        ) : (
          <Link to={toPage('/consumers', { consumer })}>consumer {consumer}</Link>
        )}
      </span>
    ),
  },
  { title: 'State', cell: ({ state }) => <Chip kind={states[state]} label={labels[state]} /> },
  { title: 'Why', cell: ({ reason }) => <p className="sentence">{reason}</p> },
  { title: 'Until', cell: (ban) => <Until ban={ban} /> },
  { title: 'By', cell: ({ created_by: by }) => by },
  { title: 'Since', cell: ({ created_at: at }) => <Instant at={at} /> },
]

const liftColumn = (lift: (ban: Ban) => Promise<void>): Column<Ban> => ({
  title: 'Change',
  cell: (ban) => (ban.state === 'active' ? <Lift ban={ban} lift={() => lift(ban)} /> : null),
})

function Until({ ban: { expires_at: ends, lifted_at: lifted } }: { readonly ban: Ban }) {
  const at = lifted ?? ends
  return at === null ? <span className="quiet">it is lifted</span> : <Instant at={at} />
}

function Instant({ at }: { readonly at: string }) {
  return (
    <time dateTime={at} title={at}>
      {dateText(at)} {timeText(at)}
    </time>
  )
}

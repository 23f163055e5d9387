/**
 * The newest decisions, one a row. A row opens its explanation beside the list.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import { go } from '../address.ts'
import type { Kept } from '../answer.ts'
import { Empty, Failed, Skeleton } from '../parts/notices.tsx'
import { DecisionRow, rowId } from './decision-row.tsx'
import { useEngaged } from './engaged.ts'
import { useHeld } from './held.ts'
import { useKeys } from './keys.ts'

interface DecisionsProps {
  readonly decisions: Kept<readonly DecisionRecord[]>
  /** Names the list, so that another environment or filter starts anew. */
  readonly of: string
  readonly refusedOnly: boolean
  /** Request id whose explanation is open. */
  readonly open: string | null
  /** Pasted to make a first request. */
  readonly tryCommand: string
}

export function Decisions({ decisions, of, refusedOnly, open, tryCommand }: DecisionsProps) {
  const [engaged, list] = useEngaged()
  const { rows, waiting, show } = useHeld(of, decisions.data, open !== null || engaged)
  useKeys({
    step: (by) => {
      const next = neighbour(rows ?? [], open ?? focusedRow(rows ?? []), by)
      if (next === undefined) return
      document.getElementById(rowId(next))?.focus()
      if (open !== null) go({ query: { request: next } }, 'replace')
    },
    leave: () => {
      if (open !== null) close(open)
    },
  })

  return (
    <section className="card decisions" aria-labelledby="decisions">
      <header>
        <h2 id="decisions">Decisions</h2>
        <span className="keys">
          <kbd>j</kbd> <kbd>k</kbd> move, <kbd>Enter</kbd> explain, <kbd>Esc</kbd> close
        </span>
        <label className="check push">
          <input
            type="checkbox"
            checked={refusedOnly}
            onChange={(event) => go({ query: { outcome: event.target.checked ? 'deny' : null } })}
          />
          Refused only
        </label>
      </header>
      {waiting === 0 ? null : (
        <button type="button" className="waiting" onClick={show}>
          {waiting} new
        </button>
      )}
      {rows !== undefined && rows.length > 0 ? (
        <>
          <div className="head" aria-hidden="true">
            <span>Time</span>
            <span>Status</span>
            <span>Method</span>
            <span>Path</span>
            <span>Reason</span>
            <span>Consumer</span>
            <span>Gates</span>
          </div>
          <ol ref={list}>
            {rows.map((record) => (
              <DecisionRow key={record.request_id} record={record} open={record.request_id === open} />
            ))}
          </ol>
        </>
      ) : (
        <InPlace {...{ decisions, refusedOnly, tryCommand }} />
      )}
    </section>
  )
}

function InPlace({
  decisions,
  refusedOnly,
  tryCommand,
}: Pick<DecisionsProps, 'decisions' | 'refusedOnly' | 'tryCommand'>) {
  if (decisions.data === undefined) {
    if (decisions.failure === undefined) return <Skeleton rows={8} of="decisions" />
    return <Failed what="Decisions" failure={decisions.failure} retry={decisions.retry} />
  }
  if (refusedOnly) {
    return (
      <Empty title="Nothing was refused">
        Every recorded request was allowed.{' '}
        <button type="button" className="button" onClick={() => go({ query: { outcome: null } })}>
          Show all decisions
        </button>
      </Empty>
    )
  }
  return (
    <Empty title="No request has come yet" command={tryCommand}>
      Each request that an agent decides becomes a row here, with the gate that stopped it. Try one:
    </Empty>
  )
}

/** Closes the explanation; the row that it was opened from has the focus again. */
export function close(id: string): void {
  go({ query: { request: null } })
  document.getElementById(rowId(id))?.focus()
}

/** The row after or before; the first when there is none yet. */
function neighbour(rows: readonly DecisionRecord[], from: string | null, by: 1 | -1): string | undefined {
  const at = rows.findIndex(({ request_id: id }) => id === from)
  return (at < 0 ? rows[0] : rows[at + by])?.request_id
}

function focusedRow(rows: readonly DecisionRecord[]): string | null {
  const focused = document.activeElement?.id
  return rows.find(({ request_id: id }) => rowId(id) === focused)?.request_id ?? null
}

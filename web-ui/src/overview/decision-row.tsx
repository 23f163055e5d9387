/**
 * One decision in a line. A link, so that it can be opened elsewhere and shared.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import { memo, type MouseEvent } from 'react'
import { addressAfter, go } from '../address.ts'
import { kindOf, railOf } from '../gates.ts'
import { GateStrip } from '../parts/gate-strip.tsx'
import { Chip, kindWords } from '../parts/marks.tsx'
import { timeText } from '../words.ts'

export const rowId = (requestId: string): string => `row-${requestId}`

interface RowProps {
  readonly record: DecisionRecord
  readonly open: boolean
}

export const DecisionRow = memo(function DecisionRow({ record, open }: RowProps) {
  const kind = kindOf(record)
  const move = { query: { request: record.request_id } }
  const follow = (event: MouseEvent) => {
    // Another button or a modifier means another tab, which is the browser's own affair.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    go(move)
  }
  return (
    <li>
      <a
        id={rowId(record.request_id)}
        className="decision"
        href={addressAfter(move)}
        aria-current={open ? 'true' : undefined}
        onClick={follow}
      >
        <time className="time mono quiet" dateTime={record.at} title={record.at}>
          {timeText(record.at)}
        </time>
        <span className="status">
          <Chip kind={kind} label={String(record.status)} word={kindWords[kind]} />
        </span>
        <span className="method mono">{record.method}</span>
        <span className="path mono cut" title={`${record.scheme}://${record.host}${record.path}`}>
          {record.path}
        </span>
        <span className="reason cut" title={record.reason}>
          {record.reason}
        </span>
        <span className="consumer cut" title={record.principal?.hint}>
          {record.principal?.consumer ?? <span className="quiet">not known</span>}
        </span>
        <GateStrip kind={kind} outcomes={railOf(record)} />
      </a>
    </li>
  )
})

/**
 * One decision in a line. A link, so that it can be opened elsewhere and shared.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import { memo } from 'react'
import { addressAfter } from '../address.ts'
import { kindOf, railOf } from '../gates.ts'
import { GateStrip } from '../parts/gate-strip.tsx'
import { follow } from '../parts/link.tsx'
import { Chip, kindWords } from '../parts/marks.tsx'
import { timeText } from '../words.ts'

export const rowId = (requestId: string): string => `row-${requestId}`

interface RowProps {
  readonly record: DecisionRecord
  readonly open: boolean
}

export const DecisionRow = memo(function DecisionRow({ record, open }: RowProps) {
  const kind = kindOf(record)
  const wouldRefuse = record.limits
    .filter(({ shadow, exceeded }) => shadow === true && exceeded === true)
    .map(({ policy }) => policy)
  const move = { query: { request: record.request_id } }
  return (
    <li>
      <a
        id={rowId(record.request_id)}
        className="decision"
        href={addressAfter(move)}
        aria-current={open ? 'true' : undefined}
        onClick={(event) => follow(event, move)}
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
          {wouldRefuse.length === 0 ? null : <span className="quiet"> · over shadow {wouldRefuse.join(', ')}</span>}
        </span>
        <span className="consumer cut" title={record.principal?.hint}>
          {record.principal?.consumer ?? <span className="quiet">not known</span>}
        </span>
        <GateStrip kind={kind} outcomes={railOf(record)} />
      </a>
    </li>
  )
})

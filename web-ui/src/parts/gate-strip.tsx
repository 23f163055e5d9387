/**
 * The gate rail as a strip of seven cells, for a row.
 *
 * @module
 */
import { type GateOutcome, type Kind, railText } from '../gates.ts'

/** Width of a cell in user units, which are pixels. */
const CELL = 14

export function GateStrip({ kind, outcomes }: { readonly kind: Kind; readonly outcomes: readonly GateOutcome[] }) {
  // How far the solid line goes: to the gate that stopped the request, else to the end.
  const stop = outcomes.findIndex((outcome) => outcome !== 'passed')
  const middle = (index: number) => CELL * index + CELL / 2
  const last = middle(outcomes.length - 1)
  const reached = stop < 0 ? last : middle(stop)
  return (
    <span className={`gates ${kind}`}>
      <svg className="strip" viewBox={`0 0 ${CELL * outcomes.length} 14`} aria-hidden="true">
        <line x1={middle(0)} y1="7" x2={reached} y2="7" />
        {reached < last ? <line className="unreached" x1={reached} y1="7" x2={last} y2="7" /> : null}
        {outcomes.map((outcome, index) => (
          <Cell key={index} outcome={outcome} x={middle(index)} />
        ))}
      </svg>
      <span className="sr">{railText(outcomes)}</span>
    </span>
  )
}

function Cell({ outcome, x }: { readonly outcome: GateOutcome; readonly x: number }) {
  if (outcome === 'stopped') return <rect className="stop" x={x - 1.5} y="0" width="3" height="14" rx="0.75" />
  if (outcome === 'passed') return <circle className="passed" cx={x} cy="7" r="3.25" />
  return <circle className="unreached" cx={x} cy="7" r="2.5" />
}

/**
 * The gate rail in large: every gate with what happened there.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import { gateNames, type GateOutcome, type Kind } from '../gates.ts'

const outcomeWords: Readonly<Record<GateOutcome, string>> = {
  passed: 'passed',
  stopped: 'stopped here',
  not_reached: 'not reached',
}

export function GateRail({ kind, gates }: { readonly kind: Kind; readonly gates: Explanation['gates'] }) {
  return (
    <div className="rail-box">
      <ol className={`rail ${kind}`} aria-label="The seven gates">
        {gates.map(({ gate, outcome, detail }) => (
          <li key={gate} data-outcome={outcome}>
            <span className="knob" aria-hidden="true" />
            <span className="name">{gateNames[gate]}</span>
            <span className="detail">
              {detail === '' || outcome === 'not_reached' ? (
                outcomeWords[outcome]
              ) : (
                <>
                  <span className="sr">{outcomeWords[outcome]}: </span>
                  {detail}
                </>
              )}
            </span>
          </li>
        ))}
      </ol>
    </div>
  )
}

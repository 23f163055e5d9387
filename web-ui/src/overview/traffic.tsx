/**
 * The last hour in four numbers and sixty bars.
 *
 * @module
 */
import type { Kept } from '../answer.ts'
import type { Traffic } from '../api.ts'
import { Failed, Skeleton } from '../parts/notices.tsx'
import { Mark } from '../parts/marks.tsx'
import { countText, durationText, minuteText, shareText } from '../words.ts'
import { hourOf, totalOf } from './hour.ts'

/** In user units of the picture. */
const HEIGHT = 64
const BAR = 8
const GAP = 2

export function TrafficHour({ traffic }: { readonly traffic: Kept<Traffic> }) {
  return (
    <section className="card" aria-labelledby="traffic">
      <h2 id="traffic" className="sr">
        The last hour
      </h2>
      <Content traffic={traffic} />
    </section>
  )
}

function Content({ traffic: { data, at, failure, retry } }: { readonly traffic: Kept<Traffic> }) {
  if (data === undefined || at === undefined) {
    if (failure === undefined) return <Skeleton rows={3} of="traffic" />
    return <Failed what="Traffic" failure={failure} retry={retry} />
  }
  const { requests, refused, failed, meanMs } = totalOf(data)
  return (
    <div className="traffic">
      <dl className="figures">
        <Figure name="Requests, last hour" value={countText(requests)} />
        <Figure name="Refused" value={countText(refused)} share={shareText(refused, requests)} />
        <Figure name="Failed (5xx)" value={countText(failed)} share={shareText(failed, requests)} />
        <Figure name="Mean time" value={meanMs === null ? '–' : durationText(meanMs)} />
      </dl>
      <Bars traffic={data} until={at} />
    </div>
  )
}

function Figure({ name, value, share }: { readonly name: string; readonly value: string; readonly share?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} {share === undefined ? null : <small>{share}</small>}
      </dd>
    </div>
  )
}

function Bars({ traffic, until }: { readonly traffic: Traffic; readonly until: Date }) {
  const hour = hourOf(traffic, until)
  const most = Math.max(1, ...hour.map(({ requests }) => requests))
  const height = (value: number) => (value / most) * HEIGHT
  return (
    <figure className="bars">
      <svg viewBox={`0 0 ${hour.length * BAR} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {hour.map(({ minute, requests, refused, failed }, index) => {
          const bar = { x: index * BAR + GAP / 2, width: BAR - GAP }
          const [low, middle] = [height(Math.max(0, requests - refused - failed)), height(refused)]
          const top = height(failed)
          return (
            <g key={minute}>
              <rect className="allowed" {...bar} y={HEIGHT - low} height={low} />
              <rect className="refused" {...bar} y={HEIGHT - low - middle} height={middle} />
              <rect className="failed" {...bar} y={HEIGHT - low - middle - top} height={top} />
            </g>
          )
        })}
      </svg>
      <figcaption>
        <span className="key allowed">
          <Mark kind="allowed" />
          allowed
        </span>
        <span className="key refused">
          <Mark kind="refused" />
          refused
        </span>
        <span className="key failed">
          <Mark kind="failed" />
          failed
        </span>
        <span className="span">
          {minuteText(hour[0]?.minute ?? until)} to {minuteText(until)},{' '}
          {traffic.length === 0 ? 'no request' : `at most ${countText(most)} a minute`}
        </span>
      </figcaption>
    </figure>
  )
}

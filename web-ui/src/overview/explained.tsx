/**
 * Why a request was decided as it was: the gate, the rule, what was needed and what was there, and what helps.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import type { ReactNode } from 'react'
import { kindOf } from '../gates.ts'
import { ShadowChip } from '../limits/shadow-chip.tsx'
import { Command } from '../parts/command.tsx'
import { GateRail } from '../parts/gate-rail.tsx'
import { Chip, kindWords, Mark } from '../parts/marks.tsx'
import { countText, durationText, limitText, timeText } from '../words.ts'

interface ExplainedProps {
  readonly explanation: Explanation
  /** null: nothing was sent. */
  readonly requestId: string | null
}

export function Explained({ explanation, requestId }: ExplainedProps) {
  const kind = kindOf(explanation)
  return (
    <div className="explained">
      <Outcome {...{ explanation, requestId }} />
      {explanation.agrees ? null : (
        <p className="banner" role="alert">
          <strong>
            <Mark kind="limited" />
            Two answers
          </strong>
          Deciding it again comes to another outcome than the agent recorded. Please report this.
        </p>
      )}
      <GateRail kind={kind} gates={explanation.gates} />
      <Rule explanation={explanation} />
      <Limits explanation={explanation} />
      <Fixes fixes={explanation.fixes} />
    </div>
  )
}

function Outcome({ explanation, requestId }: ExplainedProps) {
  const { status, reason, reason_title: title, at, agent, release, duration_ms: ms, address } = explanation
  const kind = kindOf(explanation)
  const id = explanation.request_id ?? requestId
  return (
    <div className="outcome">
      <div className="verdict">
        <Chip kind={kind} label={String(status)} word={kindWords[kind]} />
        <strong>{title}</strong>
        <code className="quiet">{reason}</code>
      </div>
      <p className="facts">
        <time dateTime={at} title={at}>
          {timeText(at)}
        </time>
        {ms === null ? null : <span>{durationText(ms)}</span>}
        {agent === null ? null : <span>agent {agent}</span>}
        <span>release {release}</span>
        <span>from {address}</span>
      </p>
      {id === null ? null : <Command text={id} />}
    </div>
  )
}

function Rule({ explanation }: Pick<ExplainedProps, 'explanation'>) {
  const { rule, route, service, principal, needed, had, host, scheme } = explanation
  return (
    <section aria-labelledby="rule">
      <h3 id="rule">What decided</h3>
      <dl className="pairs">
        <Pair name="Host">
          <code>{`${scheme}://${host}`}</code>
        </Pair>
        <Pair name="Route">
          {route === null ? 'none matched' : <Named name={route} more={service === null ? '' : `service ${service}`} />}
        </Pair>
        <Pair name="Caller">{principal === null ? 'not known' : <Caller principal={principal} />}</Pair>
        {rule === null ? null : (
          <Pair name="Rule">
            <Named name={`${rule.kind} ${rule.name}`} more={rule.origin} />
          </Pair>
        )}
        {needed.length === 0 ? null : (
          <Pair name="Needed">
            <Words words={needed} />
          </Pair>
        )}
        {needed.length === 0 && had.length === 0 ? null : (
          <Pair name="Had">
            <Words words={had} />
          </Pair>
        )}
      </dl>
    </section>
  )
}

function Pair({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  )
}

function Caller({ principal }: { readonly principal: NonNullable<Explanation['principal']> }) {
  const { consumer, credential_kind: kind, hint, roles } = principal
  return (
    <>
      <Named name={consumer} more={`${kind.replaceAll('_', ' ')} ${hint}`} />
      {roles.length === 0 ? null : <span className="quiet"> with the roles {roles.join(', ')}</span>}
    </>
  )
}

/** @param more in brackets; nothing when it is empty. */
function Named({ name, more }: { readonly name: string; readonly more: string }) {
  return (
    <>
      <code>{name}</code>
      {more === '' ? null : <span className="quiet"> ({more})</span>}
    </>
  )
}

function Words({ words }: { readonly words: readonly string[] }) {
  return words.length === 0 ? <span className="aside">nothing of that kind</span> : <code>{words.join(', ')}</code>
}

function Limits({ explanation: { limits, tightest } }: Pick<ExplainedProps, 'explanation'>) {
  if (limits.length === 0) return null
  return (
    <section aria-labelledby="limits">
      <h3 id="limits">Limits</h3>
      <table className="limits">
        <thead>
          <tr>
            <th scope="col">Policy</th>
            <th scope="col">Allows</th>
            <th scope="col">Left</th>
            <th scope="col">Whole in</th>
          </tr>
        </thead>
        <tbody>
          {limits.map((limit, index) => (
            <tr key={limit.policy}>
              <td>
                <code>{limit.policy}</code>
                {index === tightest && limits.length > 1 ? <span className="quiet"> (tightest)</span> : null}{' '}
                {limit.shadow === true ? <ShadowChip /> : null}
              </td>
              <td>{limitText(limit)}</td>
              <td>
                <Left limit={limit} />
              </td>
              <td>{limit.algorithm === 'concurrency' ? 'as requests end' : durationText(limit.reset_ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function Left({ limit }: { readonly limit: Explanation['limits'][number] }) {
  const { remaining, retry_after_ms: nextMs, exceeded, shadow } = limit
  return (
    <>
      {countText(remaining)}
      {nextMs === 0 ? null : `, next in ${durationText(nextMs)}`}{' '}
      {exceeded !== true ? null : shadow === true ? (
        <span className="quiet">It would have refused</span>
      ) : (
        <Chip kind="limited" label="no room" />
      )}
    </>
  )
}

function Fixes({ fixes }: Pick<Explanation, 'fixes'>) {
  if (fixes.length === 0) return null
  return (
    <section aria-labelledby="fixes">
      <h3 id="fixes">What helps</h3>
      <ul className="fixes">
        {fixes.map(({ description, command }) => (
          <li key={description}>
            <span>{description}</span>
            {command === null ? null : <Command text={command} />}
          </li>
        ))}
      </ul>
    </section>
  )
}

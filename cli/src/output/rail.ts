/**
 * The gate rail: one request as a line through seven gates, and what decided it.
 *
 * Pure: an explanation in, lines out.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import { formatLimit } from '#cli/parse/limit.ts'
import { formatDuration } from '#cli/parse/duration.ts'
import { pad, printable, type Signs, type Style } from './style.ts'

type GateOutcome = Explanation['gates'][number]['outcome']

const TITLES: Readonly<Record<Explanation['gates'][number]['gate'], string>> = {
  tls: 'TLS',
  network: 'Network',
  route: 'Route',
  identity: 'Identity',
  access: 'Access',
  limit: 'Limit',
  upstream: 'Upstream',
}

/** Longest detail under a gate, in characters; seven of them have to fit beside each other. */
const DETAIL_LENGTH_MAX = 16

/** Columns between the words and what stands beside them. */
const WORD_WIDTH = 9

/** @param columns width of the terminal; a rail that does not fit stands upright. */
export function renderRail(explanation: Explanation, style: Style, columns: number): string {
  const across = railAcross(explanation.gates, style)
  const fits = across.every((line) => line.length <= columns)
  const rail = fits ? paint(across, explanation, style) : railUpright(explanation.gates, style)
  return `${[headline(explanation, style), '', ...rail, '', ...facts(explanation, style)].map((line) => (line === '' ? line : `  ${line}`.trimEnd())).join('\n')}\n`
}

function headline(explanation: Explanation, style: Style): string {
  const { outcome, status, reason, duration_ms: ms, agent, release } = explanation
  const verdict = `${status} ${outcome === 'allow' ? 'allowed' : reason}`
  const parts = [
    style.bold(`${printable(explanation.method)} ${printable(explanation.path)}`),
    outcome === 'allow' && status < 500 ? style.good(verdict) : style.bad(verdict),
    ...(ms === null ? [] : [`${ms.toFixed(1)} ms`]),
    explanation.source === 'simulated' ? 'simulated' : `agent ${printable(agent ?? '?')}`,
    `release ${release}`,
  ]
  return parts.join('   ')
}

interface Cell {
  readonly title: string
  readonly detail: string
  readonly outcome: GateOutcome
  readonly width: number
}

function cells(gates: Explanation['gates'], style: Style): readonly Cell[] {
  return gates.map(({ gate, outcome, detail }) => {
    const title = TITLES[gate]
    const text = shorten(outcome === 'not_reached' ? 'not reached' : printable(detail), style.signs)
    // A space, at least two dashes and the sign follow the title.
    return { title, outcome, detail: text, width: Math.max(title.length + 4, text.length) }
  })
}

/** Two lines without colour, so that their length is their width. */
function railAcross(gates: Explanation['gates'], style: Style): readonly [string, string] {
  const all = cells(gates, style)
  return [
    all
      .map(
        ({ title, outcome, width }) =>
          `${title} ${dashes(style.signs, width - title.length - 2)}${sign(outcome, style.signs)}`,
      )
      .join(' '),
    all.map(({ detail, width }) => pad(detail, width)).join(' '),
  ]
}

function paint([rail, details]: readonly string[], { gates }: Explanation, style: Style): readonly string[] {
  const all = cells(gates, style)
  let at = 0
  let painted = ''
  for (const { outcome, width } of all) {
    painted +=
      colour(outcome, style)((rail ?? '').slice(at, at + width)) + (rail ?? '').slice(at + width, at + width + 1)
    at += width + 1
  }
  return [painted, style.dim((details ?? '').trimEnd())]
}

function railUpright(gates: Explanation['gates'], style: Style): readonly string[] {
  return gates.map(({ gate, outcome, detail }) => {
    const text = outcome === 'not_reached' ? 'not reached' : printable(detail)
    return `${colour(outcome, style)(sign(outcome, style.signs))} ${pad(TITLES[gate], WORD_WIDTH)} ${style.dim(text)}`
  })
}

function facts(explanation: Explanation, style: Style): readonly string[] {
  const { rule, needed, had, limits, tightest, fixes, outcome } = explanation
  const row = (word: string, value: string): string => `${pad(style.dim(word), WORD_WIDTH)}${value}`
  const tight = limits[tightest]
  return [
    ...(outcome === 'deny' ? [row('Reason', printable(explanation.reason_title))] : []),
    ...(rule === null
      ? []
      : [row('Rule', printable(rule.name) + (rule.origin === '' ? '' : ` (${printable(rule.origin)})`))]),
    ...(needed.length === 0 ? [] : [row('Needed', needed.map(printable).join(', '))]),
    ...(needed.length === 0 && had.length === 0 ? [] : [row('Had', had.map(printable).join(', ') || 'nothing')]),
    ...(tight === undefined ? [] : [row('Limit', limitText(tight, limits.length - 1))]),
    ...fixes.map(({ description, command }) => row('Fix', printable(command ?? description))),
    ...(explanation.agrees ? [] : [row('Note', style.warn('today the same request would be decided otherwise'))]),
  ]
}

function limitText(limit: Explanation['limits'][number], others: number): string {
  const size = formatLimit({ requests: limit.requests, windowMs: limit.window_ms })
  const left =
    limit.retry_after_ms > 0 ? `used up, again in ${seconds(limit.retry_after_ms)}` : `${limit.remaining} left`
  return `${printable(limit.policy)} ${size}, ${left}${others > 0 ? `, ${others} more with room` : ''}`
}

function seconds(ms: number): string {
  return formatDuration(Math.ceil(ms / 1000) * 1000)
}

function sign(outcome: GateOutcome, signs: Signs): string {
  switch (outcome) {
    case 'passed':
      return signs.passed
    case 'stopped':
      return signs.stopped
    case 'not_reached':
      return signs.notReached
  }
}

function colour(outcome: GateOutcome, style: Style): (text: string) => string {
  switch (outcome) {
    case 'passed':
      return style.good
    case 'stopped':
      return style.bad
    case 'not_reached':
      return style.dim
  }
}

function dashes(signs: Signs, count: number): string {
  return signs.line.repeat(count)
}

function shorten(text: string, signs: Signs): string {
  return text.length <= DETAIL_LENGTH_MAX ? text : text.slice(0, DETAIL_LENGTH_MAX - signs.more.length) + signs.more
}

/**
 * The gate rail: one request as a line through seven gates, and what decided it.
 *
 * Pure: an explanation in, lines out.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import { formatDuration } from '#cli/parse/duration.ts'
import { limitText } from './limit-text.ts'
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
  const across = railAcross(explanation, style)
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

function cells(explanation: Explanation, style: Style): readonly Cell[] {
  return explanation.gates.map((one) => {
    const { gate, outcome } = one
    const title = TITLES[gate]
    const text = shorten(printable(brief(one, explanation)), style.signs)
    // A space, at least two dashes and the sign follow the title.
    return { title, outcome, detail: text, width: Math.max(title.length + 4, text.length) }
  })
}

/** In front of what a credential is called. */
const credentialWords: Readonly<Record<string, string>> = {
  api_key: 'key ',
  jwt: 'token ',
  introspection: 'token ',
  signature: 'key ',
}

/** What a gate found, in a word or two. The whole sentence stands beside it where there is room. */
function brief({ gate, outcome, detail }: Explanation['gates'][number], explanation: Explanation): string {
  if (outcome === 'not_reached') return 'not reached'
  if (outcome === 'stopped') return 'stopped'
  const { principal, limits, tightest } = explanation
  switch (gate) {
    case 'tls':
      if (explanation.source === 'simulated') return 'simulated'
      return explanation.scheme === 'http' ? 'plain' : (/1\.[0-9]/.exec(detail)?.[0] ?? 'encrypted')
    case 'route':
      return explanation.route ?? ''
    case 'identity':
      return principal === null ? 'nobody' : `${credentialWords[principal.credential_kind] ?? ''}${principal.hint}`
    case 'limit':
      return limits[tightest] === undefined ? 'none' : `${limits[tightest].remaining} left`
    case 'upstream':
      return explanation.source === 'simulated' ? 'not asked' : String(explanation.status)
    case 'network':
    case 'access':
      return 'allowed'
  }
}

/** Two lines without colour, so that their length is their width. */
function railAcross(explanation: Explanation, style: Style): readonly [string, string] {
  const all = cells(explanation, style)
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

function paint([rail, details]: readonly string[], explanation: Explanation, style: Style): readonly string[] {
  const all = cells(explanation, style)
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
    ...(tight === undefined ? [] : [row('Limit', tightestText(tight, limits))]),
    ...limits.filter(isShadowExceeded).map((limit) => row('Shadow', shadowText(limit))),
    ...fixes.map(({ description, command }) => row('Fix', printable(command ?? description))),
    ...(explanation.agrees ? [] : [row('Note', style.warn('today the same request would be decided otherwise'))]),
  ]
}

type LimitState = Explanation['limits'][number]

const sizeText = ({ algorithm, unit, requests: amount, window_ms: windowMs }: LimitState): string =>
  limitText({ algorithm, unit, amount, windowMs })

function tightestText(limit: LimitState, all: readonly LimitState[]): string {
  const others = all.filter((other) => other !== limit && other.shadow !== true)
  const full = others.filter(({ exceeded }) => exceeded === true).map(({ policy }) => printable(policy))
  const beside = [
    ...(full.length === 0 ? [] : [`used up: ${full.join(', ')}`]),
    ...(others.length === full.length ? [] : [`${others.length - full.length} more with room`]),
  ]
  return [`${printable(limit.policy)} ${sizeText(limit)}`, leftText(limit), ...beside].join(', ')
}

function leftText({ algorithm, unit, remaining, retry_after_ms: retryAfterMs }: LimitState): string {
  if (retryAfterMs <= 0) return unit === 'bytes' ? `${remaining} bytes left` : `${remaining} left`
  // Nobody knows when a place becomes free.
  return algorithm === 'concurrency' ? 'all in use' : `used up, again in ${seconds(retryAfterMs)}`
}

/** A limit that refuses nobody yet, and would have refused this. */
const isShadowExceeded = ({ shadow, exceeded }: LimitState): boolean => shadow === true && exceeded === true

const shadowText = (limit: LimitState): string =>
  `${printable(limit.policy)} ${sizeText(limit)} would have refused this`

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

function shorten(given: string, signs: Signs): string {
  const text = given.replaceAll('…', signs.more)
  return text.length <= DETAIL_LENGTH_MAX ? text : text.slice(0, DETAIL_LENGTH_MAX - signs.more.length) + signs.more
}

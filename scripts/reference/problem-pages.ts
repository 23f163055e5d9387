/**
 * One page per problem that an agent or the admin API answers with, and a list of them all. Pure.
 *
 * @module
 */
import { problemCodes } from '@headgate/admin-api'
import { type Gate, gates, type Reason, reasons } from '@headgate/core'
import { type ReasonText, reasonTexts } from './reasons.ts'
import type { WireReason } from './wire-reasons.ts'

/** Name and content of a file. */
export type Pages = ReadonlyMap<string, string>

interface Entry {
  readonly code: string
  readonly status: number
  readonly title: string
  /** Who answers with it, as a sentence without its end. */
  readonly from: string
  readonly text: ReasonText
}

const gateTitles: Readonly<Record<Gate, string>> = {
  tls: 'TLS',
  network: 'Network',
  route: 'Route',
  identity: 'Identity',
  access: 'Access',
  limit: 'Limit',
  upstream: 'Upstream',
}

const NOTICE = '<!-- Made by npm run generate; what to change is in scripts/reference. -->'

export function problemPages(wire: readonly WireReason[]): Pages {
  const entries = [...ofAgents(), ...ofEngine(wire), ...ofAdminApi()]
  // A code that the admin API and agents have in common has one page for both.
  const byCode = Map.groupBy(entries, ({ code }) => code)
  return new Map([
    ['README.md', index(wire)],
    ...[...byCode].map(([code, all]): [string, string] => [`${code}.md`, page(code, all)]),
  ])
}

function ofAgents(): readonly Entry[] {
  return (Object.keys(reasons) as Reason[]).map((code) => {
    const { status, title, gate } = reasons[code]
    return {
      code,
      status,
      title,
      from: `An agent stops the request at the gate ${gateTitles[gate]}`,
      text: reasonTexts[code],
    }
  })
}

function ofEngine(wire: readonly WireReason[]): readonly Entry[] {
  const from = 'An agent answers before there is a request to decide about, and closes the connection'
  return wire.map(({ code, status, title, ...text }) => ({ code, status, title, from, text }))
}

function ofAdminApi(): readonly Entry[] {
  return Object.entries(problemCodes).map(([code, { status, title, fix }]) => ({
    code,
    status,
    title,
    from: 'The admin API answers',
    text: { meaning: '', fix: `${fix}.` },
  }))
}

function page(code: string, entries: readonly Entry[]): string {
  const parts = entries.map(({ status, title, from, text: { meaning, fix, command } }) =>
    [
      `**${title}.** ${from}, with status ${status}.`,
      ...(meaning === '' ? [] : [meaning]),
      `**What helps:** ${fix}`,
      ...(command === undefined ? [] : [`\`\`\`sh\n${command}\n\`\`\``]),
    ].join('\n\n'),
  )
  return `${NOTICE}\n\n# ${code}\n\n${parts.join('\n\n---\n\n')}\n\n[All problems](README.md)\n`
}

function index(wire: readonly WireReason[]): string {
  const rows = (codes: readonly { code: string; status: number; title: string }[]): string =>
    [
      '| code | status | |',
      '|---|---|---|',
      ...codes.map(({ code, status, title }) => `| [${code}](${code}.md) | ${status} | ${title} |`),
    ].join('\n')
  const atGate = (gate: Gate) =>
    (Object.keys(reasons) as Reason[])
      .filter((code) => reasons[code].gate === gate)
      .map((code) => ({ code, ...reasons[code] }))
  return (
    [
      NOTICE,
      '# Problems',
      'Every refusal is a problem document (RFC 9457). `code` is stable and names its page; so does `type`, but for the problem types of the IETF draft that callers are told about limits by. `request_id` leads to the rest: `headgate explain <request_id>`.',
      '## From an agent, by gate',
      ...gates.map((gate) => `### ${gateTitles[gate]}\n\n${rows(atGate(gate))}`),
      `### Before there is a request\n\n${rows(wire)}`,
      '## From the admin API',
      rows(Object.entries(problemCodes).map(([code, info]) => ({ code, ...info }))),
    ].join('\n\n') + '\n'
  )
}

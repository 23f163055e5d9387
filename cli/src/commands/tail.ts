/**
 * `headgate tail`: decisions as they happen.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli, Session } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { usageError } from '#cli/exit.ts'
import { pad, printable, type Style } from '#cli/output/style.ts'

/** Pause between two looks, in milliseconds. */
const POLL_MS = 1_000

/** Decisions that are read per look. More in between are skipped, and that is said. */
const ROWS_MAX = 200

interface Options {
  readonly denied?: boolean
  readonly route?: string
  readonly consumer?: string
  readonly lines: string
  readonly follow: boolean
}

export function tailCommand(cli: Cli): Command {
  return command('tail', {
    summary: 'Show decisions as they happen',
    examples: ['headgate tail --denied', 'headgate tail --route orders-read -n 50 --no-follow'],
  })
    .option('--denied', 'Refused requests only')
    .option('--route <name>', 'Of this route only')
    .option('--consumer <name>', 'Of this consumer only')
    .option('-n, --lines <count>', 'How many earlier ones to begin with', '10')
    .option('--no-follow', 'End after the earlier ones')
    .action((options: Options) => tail(cli, options))
}

async function tail(cli: Cli, options: Options): Promise<void> {
  const lines = Number(options.lines)
  if (!Number.isInteger(lines) || lines < 0 || lines > ROWS_MAX) {
    throw usageError(`--lines ${options.lines} is not a number from 0 to ${ROWS_MAX}`)
  }
  const session = await cli.session()
  const first = await read(session, options)
  const shown = lines === 0 ? [] : first.slice(-lines)
  shown.forEach((record) => show(cli, record))
  if (!options.follow) return
  if (first.length === 0) cli.talk.line('  No decisions yet; waiting for the first')
  let known = new Set(first.map((record) => record.request_id))
  while (!cli.terminal.signal.aborted) {
    try {
      await cli.terminal.clock.sleep(POLL_MS, cli.terminal.signal)
      const records = await read(session, options)
      const fresh = records.filter((record) => !known.has(record.request_id))
      if (known.size > 0 && fresh.length === ROWS_MAX)
        cli.talk.line(`  ... more than ${ROWS_MAX} at once; some are not shown`)
      fresh.forEach((record) => show(cli, record))
      if (records.length > 0) known = new Set(records.map((record) => record.request_id))
    } catch (thrown) {
      // Ctrl-C is how this ends.
      if (cli.terminal.signal.aborted) return
      throw thrown
    }
  }
}

/** Oldest first. */
async function read({ client, where }: Session, { denied, route, consumer }: Options): Promise<DecisionRecord[]> {
  const { data } = await client.call('listDecisions', {
    params: where(),
    query: {
      limit: ROWS_MAX,
      ...(denied === true ? { outcome: 'deny' as const } : {}),
      ...(route === undefined ? {} : { route }),
      ...(consumer === undefined ? {} : { consumer }),
    },
  })
  return data.toReversed()
}

function show(cli: Cli, record: DecisionRecord): void {
  const { stream } = cli.terminal.out
  switch (cli.options.output ?? 'table') {
    case 'json':
      // One a line, so that it can be read while it grows.
      stream.write(`${JSON.stringify(record)}\n`)
      return
    case 'name':
      stream.write(`${record.request_id}\n`)
      return
    case 'yaml':
      cli.print(record, { text: () => '', names: () => [] })
      stream.write('---\n')
      return
    case 'table':
      stream.write(`${line(record, cli.style)}\n`)
  }
}

function line(record: DecisionRecord, style: Style): string {
  const { at, status, outcome, reason, method, path, host, principal, agent, request_id: id, duration_ms: ms } = record
  const verdict = pad(`${status} ${outcome === 'allow' ? 'allowed' : reason}`, 24)
  return [
    style.dim(at.slice(11, 23)),
    outcome === 'allow' && status < 500 ? style.good(verdict) : style.bad(verdict),
    pad(`${ms.toFixed(1)} ms`, 9),
    pad(principal === null ? '-' : printable(principal.consumer), 12),
    `${printable(method)} ${printable(host)}${printable(path)}`,
    style.dim(`${printable(agent)} ${id}`),
  ].join('  ')
}

/**
 * `headgate keys grant|rotate|revoke|disable|enable`.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Command } from 'commander'
import type { Cli } from '#cli/cli.ts'
import { collect, command, type CommandText } from '#cli/command.ts'
import { CliError, exitCodes, usageError } from '#cli/exit.ts'
import { formatDuration, parseDuration } from '#cli/parse/duration.ts'
import { formatLastUsedFrom } from '#cli/output/last-used.ts'
import { tellReceipt, type WaitOptions, waitQuery } from '#cli/output/receipt.ts'
import { printable } from '#cli/output/style.ts'
import { keyView } from './show.ts'

/** How long the old key works after a rotation unless `--overlap` says otherwise. */
const OVERLAP = '24h'

function changing(name: string, text: CommandText): Command {
  return command(name, text)
    .argument('<key>', 'Id of the key')
    .option('--wait', 'Fail unless every connected agent acts on it in time')
    .option('--no-wait', 'Do not wait for agents')
}

export function grantCommand(cli: Cli): Command {
  return changing('grant', {
    summary: 'Give a key more scopes',
    examples: [
      'headgate keys grant key_01KA... --scope orders:delete',
      'headgate keys grant key_01KA... --scope orders:read --scope orders:write --wait',
    ],
  })
    .requiredOption('--scope <scope>', 'A right; repeat for more', collect)
    .action(async (key: string, options: WaitOptions & { readonly scope: readonly string[] }) => {
      const { client, where } = await cli.session()
      const before = await client.call('getKey', { params: { ...where(), key } })
      const scopes = [...new Set([...before.scopes, ...options.scope])]
      const query = waitQuery(cli, options)
      done(cli, await client.call('updateKey', { params: { ...where(), key }, query, body: { scopes } }), options)
    })
}

export function revokeCommand(cli: Cli): Command {
  return changing('revoke', {
    summary: 'Revoke a key for good',
    examples: ['headgate keys revoke key_01KA... --wait', 'headgate keys revoke key_01KA... --yes --timeout 10s'],
  }).action(async (key: string, options: WaitOptions) => {
    const { client, where } = await cli.session()
    const found = await client.call('getKey', { params: { ...where(), key } })
    // Nothing asks without a terminal: a script that says revoke means it.
    const asks = cli.terminal.in.isTerminal && cli.terminal.err.isTerminal && cli.options.yes !== true
    if (asks && !(await cli.confirm(`Revoke ${found.hint} of ${found.consumer} for good?`))) {
      throw new CliError('nothing was revoked', { exitCode: exitCodes.failed })
    }
    done(cli, await client.call('revokeKey', { params: { ...where(), key }, query: waitQuery(cli, options) }), options)
  })
}

/** A key that is off for a while, or on again. */
export function switchCommand(cli: Cli, name: 'disable' | 'enable'): Command {
  return changing(name, {
    summary: name === 'disable' ? 'Switch a key off for a while' : 'Switch a key on again',
    examples: [`headgate keys ${name} key_01KA...`, `headgate keys ${name} key_01KA... --wait`],
  }).action(async (key: string, options: WaitOptions) => {
    const { client, where } = await cli.session()
    const call = { params: { ...where(), key }, query: waitQuery(cli, options), body: { disabled: name === 'disable' } }
    done(cli, await client.call('updateKey', call), options)
  })
}

export function rotateCommand(cli: Cli): Command {
  return changing('rotate', {
    summary: 'Make a successor with the same rights; the old key works on for a while',
    examples: [
      'headgate keys rotate key_01KA... --overlap 24h',
      'NEW=$(headgate keys rotate key_01KA... --overlap 7d)',
    ],
  })
    .option('--overlap <duration>', 'How long the old key still works', OVERLAP)
    .action(async (key: string, options: WaitOptions & { readonly overlap: string }) => {
      const overlapMs = parseDuration(options.overlap)
      if (overlapMs === undefined)
        throw usageError(`--overlap ${options.overlap} is not a duration`, 'Such as 24h, or 0')
      const { client, where } = await cli.session()
      const call = { params: { ...where(), key }, query: waitQuery(cli, options), body: { overlap_ms: overlapMs } }
      const { old, new: successor, receipt } = await client.call('rotateKey', call)
      if (cli.options.output !== undefined) {
        cli.print({ old, new: successor }, { text: () => '', names: () => [successor.id] })
      } else {
        cli.talk.line(`  Successor of ${printable(old.hint)}; it is shown this once:`)
        const shown = cli.terminal.out.isTerminal ? `\n  ${cli.style.bold(successor.key)}\n\n` : `${successor.key}\n`
        cli.terminal.out.stream.write(shown)
        const ends = overlapMs === 0 ? 'has ended' : `ends in ${formatDuration(overlapMs)}`
        cli.talk.line(`  ${cli.talkStyle.dim(`${successor.id}; the old key ${old.id} ${ends}`)}`)
        cli.talk.line(`  ${usedText(cli, old)}`)
      }
      tellReceipt(cli, receipt, options)
    })
}

/** Where the successor has to be brought to, and how to see that it arrived. */
function usedText(cli: Cli, { id, last_used: used }: Answer<'getKey'>): string {
  if (used === null) return 'the old key was never used'
  const last = formatLastUsedFrom(used, cli.terminal.clock.now())
  return `the old key was used ${printable(last)}; whether it still is: headgate keys get ${id}`
}

function done(cli: Cli, { receipt, ...key }: Answer<'revokeKey'>, options: WaitOptions): void {
  if (cli.options.output === undefined)
    cli.talk.line(
      `  ${printable(key.id)} (${printable(key.hint)}) is ${key.state}; scopes ${key.scopes.join(', ') || 'none'}`,
    )
  else cli.print(key, keyView(cli))
  tellReceipt(cli, receipt, options)
}

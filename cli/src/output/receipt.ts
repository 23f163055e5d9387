/**
 * Which agents act on a change already.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import type { Cli } from '#cli/cli.ts'
import { CliError } from '#cli/exit.ts'
import { formatDuration } from '#cli/parse/duration.ts'
import { printable } from './style.ts'

export type Receipt = NonNullable<Answer<'revokeKey'>['receipt']>

/** Longest wait for agents unless `--timeout` says otherwise, in milliseconds. */
const WAIT_MS = 5_000

/** Longest wait that the admin API takes, in milliseconds. */
const WAIT_MS_MAX = 60_000

export interface WaitOptions {
  /** true: fail when an agent does not answer; false: do not ask; absent: ask, and say what is open. */
  readonly wait?: boolean
}

/** Query of a write that waits for agents. */
export function waitQuery(
  cli: Cli,
  { wait }: WaitOptions,
): { readonly wait: 'true' | 'false'; readonly timeout_ms: number } {
  return { wait: wait === false ? 'false' : 'true', timeout_ms: Math.min(cli.timeoutMs(WAIT_MS), WAIT_MS_MAX) }
}

/**
 * Says who acts on the change.
 *
 * @throws CliError with `--wait` when an agent that is connected did not answer in time.
 */
export function tellReceipt(cli: Cli, receipt: Receipt | null, { wait }: WaitOptions): void {
  if (receipt === null) return
  const { acked, pending, unreachable, waited_ms: waitedMs } = receipt
  const connected = acked.length + pending.length
  if (connected === 0 && unreachable.length === 0) return
  cli.talk.line(
    `  ${cli.talkStyle.good(cli.talkStyle.signs.done)} acted on by ${acked.length} of ${connected} connected agents after ${waitedMs} ms`,
  )
  if (unreachable.length > 0) {
    cli.talk.warn(`not connected, and still acting on what they knew: ${names(unreachable)}`)
  }
  if (pending.length === 0) return
  const text = `no answer within ${formatDuration(waitedMs)} from ${names(pending)}`
  if (wait === true) throw new CliError(text, { fix: 'See how they are: headgate agents ls' })
  cli.talk.warn(text)
}

function names(agents: Receipt['acked']): string {
  return agents.map(({ name }) => printable(name)).join(', ')
}

/**
 * The question before something goes away.
 *
 * @module
 */
import type { Cli } from '#cli/cli.ts'
import { CliError, exitCodes } from '#cli/exit.ts'
import { isInteractive } from '#cli/terminal.ts'

/**
 * @param what completes "Delete ...".
 * @throws CliError when nobody said yes.
 */
export async function confirmRemoval(cli: Cli, what: string): Promise<void> {
  if (await cli.confirm(`Delete ${what}?`)) return
  if (isInteractive(cli.terminal)) throw new CliError('nothing was deleted')
  throw new CliError(`this would delete ${what}`, {
    exitCode: exitCodes.usage,
    fix: 'Without a terminal, say so with --yes',
  })
}

/**
 * `headgate down`: stops what `headgate up` has started.
 *
 * @module
 */
import { Option, type Command } from 'commander'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Cli } from '#cli/cli.ts'
import { command } from '#cli/command.ts'
import { DATA_FOLDER } from '#cli/commands/up.ts'
import { CliError } from '#cli/exit.ts'
import { folderAt } from '#cli/local/folder.ts'
import { endLeftOvers, readRunFile, removeRunFile } from '#cli/local/run-file.ts'
import { formatDuration } from '#cli/parse/duration.ts'

/** Longest wait for an orderly end unless `--timeout` says otherwise, in milliseconds. */
const STOP_MS = 30_000

const POLL_MS = 50

export function downCommand(cli: Cli): Command {
  return command('down', {
    summary: 'Stop what `headgate up` has started; data stays',
    examples: ['headgate down', 'headgate down --data /srv/headgate'],
  })
    .addOption(new Option('--data <folder>', 'Where everything is kept').default(DATA_FOLDER).env('HEADGATE_DATA'))
    .action(async ({ data }: { readonly data: string }) => {
      const { clock, processes } = cli.terminal
      const folder = folderAt(resolve(cli.terminal.cwd, data))
      const file = await readRunFile(folder.runFile)
      if (file === undefined) {
        cli.talk.line(`  nothing runs in ${data}`)
        return
      }
      if (await processes.runs(file.up)) {
        const stopMs = cli.timeoutMs(STOP_MS)
        const end = clock.monotonic() + stopMs
        processes.signal(file.up.pid, 'SIGTERM')
        await cli.talk.step('Stopped', 'requests in flight, then agent, control plane and Postgres', async () => {
          while (await processes.runs(file.up)) {
            if (clock.monotonic() > end) {
              throw new CliError(`process ${file.up.pid} did not end within ${formatDuration(stopMs)}`)
            }
            await clock.sleep(POLL_MS, cli.terminal.signal)
          }
        })
      }
      const left = await endLeftOvers(file, processes)
      if (left > 0)
        cli.talk.line(`  ended ${left} ${left === 1 ? 'process' : 'processes'} that an earlier start had left`)
      await stopPostgres(folder.postgres)
      await removeRunFile(folder.runFile, file.up.pid)
    })
}

/** Postgres survives whoever started it; one that is running is taken over and stopped. */
async function stopPostgres(directory: string): Promise<void> {
  if (!existsSync(join(directory, 'data', 'postmaster.pid'))) return
  const { startEmbeddedPostgres } = await import('@headgate/kit/embedded-postgres.ts')
  const server = await startEmbeddedPostgres({ directory })
  await server.stop()
}

/**
 * The Postgres of a local start: the one that `DATABASE_URL` names, or an embedded one that is kept running.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { EmbeddedPostgres } from '@headgate/kit/embedded-postgres.ts'
import type { Processes } from './processes.ts'

export interface LocalDatabase extends AsyncDisposable {
  /** Holds a password: do not print. */
  readonly url: string
}

interface DatabaseOptions {
  readonly directory: string
  /** 0: a free one. */
  readonly port: number
  readonly clock: Clock
  readonly processes: Processes
  readonly say: (line: string) => void
  /** A server runs, for the first time or again. */
  readonly onStart: (pid: number) => Promise<void>
}

/** Pause between two looks at the server, in milliseconds. */
const POLL_MS = 500

/** Pause after a failed restart, in milliseconds. */
const RETRY_MS = 2_000

/** Starts the embedded Postgres, and starts it again when it dies. */
export async function startDatabase({
  directory,
  port,
  clock,
  processes,
  say,
  onStart,
}: DatabaseOptions): Promise<LocalDatabase> {
  const { startEmbeddedPostgres } = await import('@headgate/kit/embedded-postgres.ts')
  let server: EmbeddedPostgres = await startEmbeddedPostgres({ directory, port })
  const first = server
  await onStart(server.pid)
  const stopping = new AbortController()

  const watch = async (): Promise<void> => {
    for (;;) {
      await clock.sleep(POLL_MS, stopping.signal)
      if (processes.isAlive(server.pid)) continue
      try {
        // The same port: the control plane was told once.
        server = await startEmbeddedPostgres({ directory, port: first.port })
        await onStart(server.pid)
        say('Postgres ended and is started again')
      } catch (thrown) {
        say(`Postgres ended and cannot be started: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
        await clock.sleep(RETRY_MS, stopping.signal)
      }
    }
  }
  // Ends with the AbortError of `stopping`, which is its normal end.
  const watching = watch().catch(() => {})

  return {
    url: first.url,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await watching
      await server.stop()
    },
  }
}

/**
 * Brings the database to the newest migration, and waits for it while it cannot be reached: a control plane may start
 * before its Postgres.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import { MigrationError, deploy } from '@headgate/prisma'

/** Pause between two tries, in milliseconds. */
const RETRY_MS = 1_000

// Class 28: refused sign-in. 3D000: no such database. Waiting does not help.
const FINAL_STATES = /^(?:28|3D)/

interface PrepareOptions {
  readonly databaseUrl: string
  readonly clock: Clock
  readonly log: Log
  readonly stop: AbortSignal
}

/** @throws MigrationError, or the driver's error when the database refuses us; `AbortError` when stopped. */
export async function prepareDatabase({ databaseUrl, clock, log, stop }: PrepareOptions): Promise<void> {
  for (;;) {
    try {
      const applied = await deploy(databaseUrl, {
        onUnknown: (names) => log.warn({ names }, 'the database is newer than this program'),
      })
      if (applied.length > 0) log.info({ migrations: applied }, 'the database was migrated')
      return
    } catch (thrown) {
      if (thrown instanceof MigrationError || FINAL_STATES.test(codeOf(thrown))) throw thrown
      log.warn({ why: errorText(thrown) || codeOf(thrown), retry_ms: RETRY_MS }, 'the database cannot be reached yet')
      await clock.sleep(RETRY_MS, stop)
    }
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}

/**
 * The first run: while there is no operator, one welcome link lets somebody in who can read this process' output or
 * its files. It is renewed when it ends unused.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Database } from '@headgate/prisma'
import { rename, rm, writeFile } from 'node:fs/promises'
import { WELCOME_LIFE_MS } from './secrets.ts'
import { hasOperators } from './store.ts'
import { createWelcomeLink } from './welcome.ts'

/** A link is renewed this long before it ends, in milliseconds, so that the one that is shown can be used. */
const RENEW_BEFORE_MS = 30_000

/** Wait after a failure, in milliseconds. */
const RETRY_MS = 5_000

interface FirstRunOptions {
  readonly db: Database
  readonly clock: Clock
  readonly log: Log
  readonly publicUrl: string
  /** Takes the link instead of standard output; only its owner may read it. */
  readonly file: string | undefined
  /** Standard output. */
  readonly print: (line: string) => void
}

/** Starts the watch; ends by itself when the first operator is there. */
export async function watchFirstRun({
  db,
  clock,
  log,
  publicUrl,
  file,
  print,
}: FirstRunOptions): Promise<AsyncDisposable> {
  const stop = new AbortController()

  /** @returns whether there is still nobody. */
  async function offer(): Promise<boolean> {
    if (await hasOperators(db)) {
      if (file !== undefined) await rm(file, { force: true })
      return false
    }
    const { url } = await createWelcomeLink(db, publicUrl, null, clock.now())
    if (file === undefined)
      print(`Nobody is an operator yet. This link makes the first owner; it works once, for ten minutes: ${url}\n`)
    else await writePrivately(file, `${url}\n`)
    return true
  }

  async function run(): Promise<void> {
    let open = true
    while (open) {
      await clock.sleep(WELCOME_LIFE_MS - RENEW_BEFORE_MS, stop.signal)
      open = await offer().catch(async (thrown: unknown) => {
        log.warn({ why: errorText(thrown) }, 'the first-run link could not be renewed')
        await clock.sleep(RETRY_MS, stop.signal)
        return true
      })
    }
  }

  // The first one is awaited: who starts a process and sees it ready may use the link.
  const running = (await offer()) ? run().catch(() => {}) : Promise.resolve()
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}

/** Renamed into place, so that nobody reads half of it. */
async function writePrivately(path: string, text: string): Promise<void> {
  const draft = `${path}.new`
  await rm(draft, { force: true })
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
  await rename(draft, path)
}

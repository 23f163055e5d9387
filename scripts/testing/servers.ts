/**
 * Starts what the tests share, and says it through the environment, which the test files' processes inherit:
 * `TEST_DATABASE_URL` (a superuser of a Postgres that is thrown away), `REDIS_URL`, `HEADGATE_REDIS_SERVER` and
 * `HEADGATE_REDIS_LIBRARIES` (for servers of a test's own) and `HEADGATE_CHROMIUM`.
 *
 * @module
 */
import { startEmbeddedPostgres } from '@headgate/kit/embedded-postgres.ts'
import { findChromium } from '../servers/chromium.ts'
import { startRedis } from '../servers/redis.ts'

export type Servers = AsyncDisposable & {
  /** What could not be had here, a sentence each. */
  readonly missing: readonly string[]
}

/** @param browser whether a test drives one: it is the only thing that takes long to get */
export async function startServers(browser: boolean): Promise<Servers> {
  const missing: string[] = []
  await using stack = new AsyncDisposableStack()
  const [postgres, redis, chromium] = await Promise.all([
    startEmbeddedPostgres({ throwaway: true }),
    startRedis(),
    browser ? findChromium() : undefined,
  ])
  stack.use(postgres)
  process.env['TEST_DATABASE_URL'] = postgres.url
  if (redis === undefined) missing.push('no Redis: set REDIS_URL or install redis-server')
  else {
    stack.use(redis)
    process.env['REDIS_URL'] = redis.url
    if (redis.program === undefined) missing.push('no redis-server that tests could stop: install redis-server')
    else process.env['HEADGATE_REDIS_SERVER'] = redis.program.path
    if (redis.program?.libraries !== undefined) process.env['HEADGATE_REDIS_LIBRARIES'] = redis.program.libraries
  }
  if (chromium !== undefined) process.env['HEADGATE_CHROMIUM'] = chromium
  else if (browser) missing.push('no Chromium: set HEADGATE_CHROMIUM or install chromium')

  const started = stack.move()
  return { missing, [Symbol.asyncDispose]: () => started.disposeAsync() }
}

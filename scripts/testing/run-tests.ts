/**
 * Runs the tests side by side, what takes long first: unit tests in a few processes, all others in a process for each
 * file. Those that promise a time to users come last, one after the other.
 *
 * @module
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../tooling/paths.ts'
import { type Kind, findTests, needsBrowser } from './files.ts'
import { type NamedResult, printClosing, printFile } from './report.ts'
import { type RunOptions, runFiles } from './run-file.ts'
import { startServers } from './servers.ts'

/**
 * Processes of tests that run at once: most wait for a third of their time, for timers and for processes that start. Far
 * more would measure each other.
 */
const AT_ONCE = Math.min(availableParallelism() + 1, 4)

/** Files of unit tests for one process: all of them in one would take longer than a process may. */
const UNIT_FILES_MAX = 50

/** End-to-end files that promise a time to users: nothing else runs beside them. */
const MEASURES = /\/(?:revocation|survival|hostile-crowds\.services)\.test\.ts$/

/** Files of half a minute and more. They begin early, so that none of them is alone at the end. */
const LONG =
  /\/src\/(?:(?:cases|tour|writes|callers|pages)(?:\.services)?\.test\.ts|commands\/|fleet\/(?:fleet|certificates)\.|.*\/slow\.)/

/**
 * Longest test and longest file, in milliseconds: many times what they take, because they are there to end what hangs,
 * and machines differ.
 */
const TIMEOUTS = {
  unit: { testTimeoutMs: 120_000, fileTimeoutMs: 600_000 },
  services: { testTimeoutMs: 120_000, fileTimeoutMs: 400_000 },
  e2e: { testTimeoutMs: 180_000, fileTimeoutMs: 600_000 },
} as const satisfies Record<Kind, Omit<RunOptions, 'signal'>>

type Job = () => Promise<NamedResult>

/**
 * @param filters parts of paths, see `findTests`
 * @returns the exit code
 */
export async function runTests(kinds: readonly Kind[], filters: readonly string[]): Promise<number> {
  const started = performance.now()
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort())

  const find = (kind: Kind) => (kinds.includes(kind) ? findTests(kind, filters) : Promise.resolve([]))
  const [unit, services, e2e] = await Promise.all([find('unit'), find('services'), find('e2e')])
  const withServers = [...services, ...e2e]
  if (unit.length + withServers.length === 0) {
    console.error(`No test file has ${filters.join(' or ')} in its path.`)
    return 1
  }

  const results: NamedResult[] = []
  const { signal } = interrupt
  /** Runs the jobs in order, so many at once, and reports each when it is done. */
  const runAll = async (jobs: readonly Job[], atOnce: number) => {
    const queue = [...jobs]
    const worker = async () => {
      for (let job = queue.shift(); job !== undefined && !signal.aborted; job = queue.shift()) {
        const result = await job()
        results.push(result)
        printFile(result)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
  }

  const starting = withServers.length > 0 ? startServers(await needsBrowser(withServers)) : undefined
  // Awaited by whoever needs them; until then a failure is not unhandled.
  starting?.catch(() => {})
  await using cleanup = new AsyncDisposableStack()
  cleanup.defer(async () => (await starting)?.[Symbol.asyncDispose]())
  const withServer = (kind: Kind) => (file: string) => async () => {
    await starting
    return { ...(await runFiles([join(ROOT, file)], { ...TIMEOUTS[kind], signal })), name: file }
  }
  // The unit tests do not wait for the servers: a browser may have to be installed.
  const together = dealOut(unit, Math.ceil(unit.length / UNIT_FILES_MAX)).map(
    (files) => () => runTogether(files, signal),
  )
  const all = [
    ...e2e.map((file) => ({ file, job: withServer('e2e')(file) })),
    ...services.map((file) => ({ file, job: withServer('services')(file) })),
  ]
  const [alone, beside] = [
    all.filter(({ file }) => MEASURES.test(file)),
    all.filter(({ file }) => !MEASURES.test(file)),
  ]
  const jobs = (isLong: boolean) => beside.filter(({ file }) => LONG.test(file) === isLong).map(({ job }) => job)
  // What mostly computes beside what mostly waits.
  await runAll([...inTurn(together, jobs(true)), ...jobs(false)], AT_ONCE)
  const missing = ((await starting)?.missing ?? []).map((line) => `SKIPPED what needs it: ${line}`)
  for (const line of missing) console.log(line)
  await runAll(
    alone.map(({ job }) => job),
    1,
  )

  const passed = printClosing(results, missing, performance.now() - started)
  if (interrupt.signal.aborted) return 130
  // Where nobody reads the output, a test that cannot run is a test that fails.
  const complete = missing.length === 0 || process.env['CI'] !== 'true'
  return passed && complete ? 0 : 1
}

/** Files of one folder take similar times and stand together, so they are dealt out in turn. */
function dealOut(files: readonly string[], count: number): readonly (readonly string[])[] {
  return Array.from({ length: count }, (_, hand) => files.filter((_file, index) => index % count === hand))
}

/** The first of each, then the second of each, and so on. */
function inTurn<T>(some: readonly T[], others: readonly T[]): readonly T[] {
  const length = Math.max(some.length, others.length)
  return Array.from({ length }, (_, index) => [
    ...some.slice(index, index + 1),
    ...others.slice(index, index + 1),
  ]).flat()
}

async function runTogether(files: readonly string[], signal: AbortSignal): Promise<NamedResult> {
  const paths = files.map((file) => join(ROOT, file))
  const result = await runFiles(paths, { ...TIMEOUTS.unit, signal })
  return { ...result, name: `unit tests of ${files.length} files` }
}

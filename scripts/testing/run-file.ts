/**
 * Runs test files in one process of their own and collects what happened in them.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { type EventData, run } from 'node:test'
import { ROOT } from '../tooling/paths.ts'

export type Failure = {
  /** Titles from the outermost suite inwards. */
  readonly title: string
  /** File and line, relative to the root. */
  readonly place: string
  readonly error: unknown
}

export type FileResult = {
  readonly passed: number
  readonly skipped: readonly string[]
  readonly failures: readonly Failure[]
  /** Tests that took long, in the order in which they ended. */
  readonly slow: readonly { readonly title: string; readonly place: string; readonly durationMs: number }[]
  /** What the file printed. */
  readonly output: string
  readonly durationMs: number
}

/** Title of the test that holds all others back until their files are loaded; not counted. */
export const GATE_TITLE = 'all files are loaded'

/** Title of the test behind all others; not counted. Where it is missing, others may be as well. */
export const END_TITLE = 'all tests have ended'

const LOADER = join(ROOT, 'scripts', 'testing', 'load-files.ts')

/** A test that takes longer is named, in milliseconds. */
const SLOW_TEST_MS = 5_000

export type RunOptions = {
  /** Longest single test, in milliseconds. */
  readonly testTimeoutMs: number
  /** Longest run of the whole file, in milliseconds: also a loop that never yields ends by it. */
  readonly fileTimeoutMs: number
  readonly signal: AbortSignal
}

/** The events of the runner that are read here; its types have them for listeners only. */
type TestEvent =
  | { readonly type: 'test:start'; readonly data: EventData.TestStart }
  | { readonly type: 'test:pass'; readonly data: EventData.TestPass }
  | { readonly type: 'test:fail'; readonly data: EventData.TestFail }
  | { readonly type: 'test:stdout'; readonly data: EventData.TestStdout }
  | { readonly type: 'test:stderr'; readonly data: EventData.TestStderr }

type Located = { readonly name: string; readonly nesting: number; readonly file?: string; readonly line?: number }

/** @param files absolute paths */
export async function runFiles(files: readonly string[], options: RunOptions): Promise<FileResult> {
  const started = performance.now()
  const titles: string[] = []
  const skipped: string[] = []
  const failures: Failure[] = []
  const slow: FileResult['slow'][number][] = []
  let passed = 0
  let output = ''
  let isWhole = false
  const titleOf = ({ name, nesting }: Located) => [...titles.slice(0, nesting), name].join(' > ')

  const folder = mkdtempSync(join(tmpdir(), 'headgate-tests-'))
  const heard = join(folder, 'heard')
  const stream = run({
    files: [LOADER],
    argv: [heard, ...files],
    isolation: 'process',
    timeout: options.testTimeoutMs,
    signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.fileTimeoutMs)]),
    // A test that leaves a timer or a socket open would keep its process for ever.
    execArgv: ['--test-force-exit', '--disable-warning=ExperimentalWarning'],
  })
  // The process stays until everything that it has reported has arrived here.
  stream.on('test:dequeue', (data) => {
    if (!isNamed(data, END_TITLE)) return
    isWhole = true
    writeFileSync(heard, '')
  })
  for await (const event of stream as AsyncIterable<TestEvent>) {
    switch (event.type) {
      case 'test:start':
        titles[event.data.nesting] = event.data.name
        break
      case 'test:pass':
        if (event.data.details.type === 'suite' || isNamed(event.data, GATE_TITLE) || isNamed(event.data, END_TITLE))
          break
        if (event.data.details.duration_ms > SLOW_TEST_MS) {
          const { duration_ms: durationMs } = event.data.details
          slow.push({ title: titleOf(event.data), place: placeOf(event.data), durationMs })
        }
        if (event.data.skip !== undefined) skipped.push(`${titleOf(event.data)}${reasonOf(event.data.skip)}`)
        else passed++
        break
      case 'test:fail': {
        const error = event.data.details.error
        // What failed below it is reported by itself.
        if (event.data.details.type === 'suite' && failureType(error) === 'subtestsFailed') break
        failures.push({ title: titleOf(event.data), place: placeOf(event.data), error: causeOf(error) })
        break
      }
      case 'test:stdout':
      case 'test:stderr':
        output += event.data.message
        break
      default:
    }
  }
  rmSync(folder, { recursive: true, force: true })
  if (!isWhole && failures.length === 0) {
    const error = new Error('The process ended before its last test had: results are missing')
    failures.push({ title: END_TITLE, place: relative(ROOT, files[0] ?? ''), error })
  }
  return { passed, skipped, failures, slow, output, durationMs: performance.now() - started }
}

function isNamed({ name, nesting }: Located, title: string): boolean {
  return nesting === 0 && name === title
}

function reasonOf(skip: string | boolean): string {
  return typeof skip === 'string' && skip !== '' ? ` (${skip})` : ''
}

function placeOf({ file, line }: Located): string {
  return file === undefined ? '' : `${relative(ROOT, file)}${line === undefined ? '' : `:${line}`}`
}

function failureType(error: unknown): string | undefined {
  return (error as { failureType?: string } | undefined)?.failureType
}

/** The runner wraps what a test has thrown; a timeout and a broken file have only the wrapper. */
function causeOf(error: unknown): unknown {
  const { cause } = error as { cause?: unknown }
  return cause instanceof Error ? cause : (cause ?? error)
}

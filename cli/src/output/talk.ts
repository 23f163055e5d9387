/**
 * What the command says while it works: to standard error, so that standard output holds data only.
 *
 * Work that takes over 200 ms is shown; work that takes over 3 s says what it waits for. On a terminal the running
 * work is one line that changes and goes away; elsewhere every line stays.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Output } from '#cli/terminal.ts'
import type { Style } from './style.ts'

/** From when on progress is shown, in milliseconds. */
const SHOW_AFTER_MS = 200

/** From when on work says what it waits for, in milliseconds. */
const EXPLAIN_AFTER_MS = 3_000

export interface Talk {
  /** A line for people. */
  line(text?: string): void
  warn(text: string): void
  /** Runs a step and says that it is done; `waitsFor` is said when it takes long. */
  step<T>(name: string, waitsFor: string, work: (say: (text: string) => void) => Promise<T>): Promise<T>
  /** Waits, and says for what when it takes long; inside a step the step says it. */
  wait<T>(waitsFor: string, work: () => Promise<T>): Promise<T>
  /** While something else draws on the terminal. */
  silence<T>(work: () => Promise<T>): Promise<T>
}

export function createTalk(output: Output, style: Style, clock: Clock): Talk {
  /** Steps, waits and silences that run, one inside the other; only the outermost one is shown. */
  let depth = 0
  /** The line that goes away again; undefined: there is none. */
  let passing: string | undefined

  const write = (text: string): void => {
    output.stream.write(passing === undefined ? text : `\r\u001B[2K${text}${passing}`)
  }
  const pass = (text: string | undefined): void => {
    if (!output.isTerminal) return
    if (passing !== undefined || text !== undefined) output.stream.write(`\r\u001B[2K${text ?? ''}`)
    passing = text
  }

  /** Shows work that takes long. `text` is asked again at every moment it is shown. */
  const show = (text: (isLong: boolean) => string): { again(): void } & AsyncDisposable => {
    const done = new AbortController()
    let since: 'not shown' | 'shown' | 'explained' = 'not shown'
    const draw = (): void => {
      if (since !== 'not shown') pass(`  ${style.dim(style.signs.waiting)} ${text(since === 'explained')}`)
    }
    const watch = async (): Promise<void> => {
      await clock.sleep(SHOW_AFTER_MS, done.signal)
      since = 'shown'
      draw()
      await clock.sleep(EXPLAIN_AFTER_MS - SHOW_AFTER_MS, done.signal)
      since = 'explained'
      draw()
      if (!output.isTerminal) write(`  ${style.signs.waiting} ${text(true)}\n`)
    }
    const isOutermost = depth === 0
    depth += 1
    // Ends with the AbortError of `done`, which is its normal end.
    const watching = isOutermost ? watch().catch(() => {}) : Promise.resolve()
    return {
      again: draw,
      async [Symbol.asyncDispose]() {
        depth -= 1
        done.abort()
        await watching
        if (isOutermost) pass(undefined)
      },
    }
  }

  return {
    line: (text = '') => write(`${text}\n`),
    warn: (text) => write(`${style.warn('warning:')} ${text}\n`),
    async step(name, waitsFor, work) {
      const started = clock.monotonic()
      let said = ''
      const run = async () => {
        await using shown = show((isLong) => (isLong ? `${name}: waiting for ${said || waitsFor}` : `${name} ${said}`))
        return await work((text) => {
          said = text
          shown.again()
        })
      }
      try {
        const result = await run()
        const tookMs = clock.monotonic() - started
        const took = style.dim(`  ${(tookMs / 1000).toFixed(1)} s`)
        if (tookMs >= SHOW_AFTER_MS) write(`  ${style.good(style.signs.done)} ${name}${took}\n`)
        return result
      } catch (thrown) {
        write(`  ${style.bad(style.signs.failed)} ${name}\n`)
        throw thrown
      }
    },
    async wait(waitsFor, work) {
      await using _shown = show(() => `waiting for ${waitsFor}`)
      return await work()
    },
    async silence(work) {
      depth += 1
      try {
        return await work()
      } finally {
        depth -= 1
      }
    },
  }
}

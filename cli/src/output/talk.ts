/**
 * What the command says while it works: to standard error, so that standard output holds data only.
 *
 * A step that takes over 200 ms is shown; one that takes over 3 s says what it waits for. On a terminal the
 * running step is one line that changes; elsewhere every line stays.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Output } from '#cli/terminal.ts'
import type { Style } from './style.ts'

/** From when on progress is shown, in milliseconds. */
const SHOW_AFTER_MS = 200

/** From when on a step says what it waits for, in milliseconds. */
const EXPLAIN_AFTER_MS = 3_000

export interface Talk {
  /** A line for people. */
  line(text?: string): void
  warn(text: string): void
  /** Runs a step; `waitsFor` is said when it takes long. */
  step<T>(name: string, waitsFor: string, work: (say: (text: string) => void) => Promise<T>): Promise<T>
}

export function createTalk(output: Output, style: Style, clock: Clock): Talk {
  const write = (text: string): void => void output.stream.write(text)
  const clear = output.isTerminal ? '\r\u001B[2K' : ''

  return {
    line: (text = '') => write(`${text}\n`),
    warn: (text) => write(`${style.warn('warning:')} ${text}\n`),
    async step(name, waitsFor, work) {
      const started = clock.monotonic()
      const done = new AbortController()
      let said = ''
      let shown = false
      const show = (text: string): void => {
        shown = true
        if (output.isTerminal) write(`${clear}  ${style.dim(style.signs.waiting)} ${text}`)
        else write(`  ${style.signs.waiting} ${text}\n`)
      }
      const watch = async (): Promise<void> => {
        await clock.sleep(SHOW_AFTER_MS, done.signal)
        if (output.isTerminal) show(said || name)
        await clock.sleep(EXPLAIN_AFTER_MS - SHOW_AFTER_MS, done.signal)
        show(`${name}: waiting for ${said || waitsFor}`)
      }
      // Ends with the AbortError of `done`, which is its normal end.
      const watching = watch().catch(() => {})
      try {
        const result = await work((text) => {
          said = text
          if (shown && output.isTerminal) show(`${name}: ${text}`)
        })
        const tookMs = clock.monotonic() - started
        if (tookMs >= SHOW_AFTER_MS) {
          write(
            `${shown ? clear : ''}  ${style.good(style.signs.done)} ${name}${style.dim(`  ${(tookMs / 1000).toFixed(1)} s`)}\n`,
          )
        }
        return result
      } catch (thrown) {
        write(`${shown ? clear : ''}  ${style.bad(style.signs.failed)} ${name}\n`)
        throw thrown
      } finally {
        done.abort()
        await watching
      }
    },
  }
}

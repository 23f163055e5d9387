/**
 * Signals that ask a process to end, and the difference between asking twice and asking once through two doors.
 *
 * A terminal, a service manager and npm each hand a signal to a process, often to its parent as well, which hands it on:
 * one wish arrives twice within milliseconds. What arrives later is a second wish, and means that nothing is waited for.
 *
 * @module
 */

/** Repetitions within this time are the same wish, in milliseconds. */
const SAME_WISH_MS = 1_000

/**
 * Calls back at the first signal; a second wish kills the process.
 *
 * @param process a parameter because only `main.ts` touches it.
 * @returns stops listening.
 */
export function onStopSignal(
  process: NodeJS.Process,
  signals: readonly NodeJS.Signals[],
  stop: (signal: NodeJS.Signals) => void,
): () => void {
  let firstAtMs: number | undefined
  const listener = (signal: NodeJS.Signals): void => {
    if (firstAtMs === undefined) {
      firstAtMs = performance.now()
      stop(signal)
    } else if (performance.now() - firstAtMs > SAME_WISH_MS) {
      process.kill(process.pid, 'SIGKILL')
    }
  }
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}

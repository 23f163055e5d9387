/**
 * Prints what the tests did: failures in full, what was slow by name, and one closing line.
 *
 * @module
 */
import { inspect } from 'node:util'
import type { FileResult } from './run-file.ts'

/** A file that takes longer is named at the end, in milliseconds. */
const SLOW_FILE_MS = 20_000

export type NamedResult = FileResult & { readonly name: string }

/** One line per file as it ends, and its failures below it. */
export function printFile({ name, passed, skipped, failures, output, durationMs }: NamedResult): void {
  const counts = [
    `${passed} passed`,
    ...(failures.length > 0 ? [`${failures.length} failed`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
  ]
  console.log(`${failures.length > 0 ? 'FAIL' : 'ok  '} ${name}: ${counts.join(', ')} (${seconds(durationMs)})`)
  for (const title of skipped) console.log(`     skipped: ${title}`)
  for (const { title, place, error } of failures) {
    console.log(`\n     ${title}\n     ${place}\n${indent(inspect(error, { depth: 6 }))}\n`)
  }
  if (failures.length > 0 && output.trim() !== '')
    console.log(`     --- what it printed\n${indent(output.trimEnd())}\n`)
}

/** The last line is for machines too: nothing else is on it. @returns whether all is well */
export function printClosing(results: readonly NamedResult[], missing: readonly string[], durationMs: number): boolean {
  const slowFiles = results
    .filter((result) => result.durationMs > SLOW_FILE_MS)
    .map((result) => ({ what: result.name, took: result.durationMs }))
  const slowTests = results.flatMap(({ slow }) =>
    slow.map(({ title, place, durationMs: took }) => ({ what: `${place} ${title}`, took })),
  )
  for (const { what, took } of [...slowFiles, ...slowTests].toSorted((a, b) => b.took - a.took)) {
    console.log(`slow: ${what} (${seconds(took)})`)
  }
  for (const { name, failures } of results) {
    for (const { title, place } of failures) console.log(`failed: ${place || name} ${title}`)
  }
  for (const line of missing) console.log(line)
  console.log(`${results.length} files in ${seconds(durationMs)}`)
  const total = (count: (result: NamedResult) => number) => results.reduce((sum, result) => sum + count(result), 0)
  const failed = total(({ failures }) => failures.length)
  console.log(
    `${total(({ passed }) => passed)} passed, ${failed} failed, ${total(({ skipped }) => skipped.length)} skipped`,
  )
  return failed === 0
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '       ')
}

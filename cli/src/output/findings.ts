/**
 * What is wrong with, or strange about, a configuration, each with its place and a fix.
 *
 * @module
 */
import type { Answer } from '@headgate/admin-api'
import { printable, type Style } from './style.ts'

export type Finding = Answer<'validateDraft'>['data'][number]

/** Says where a spot of an object is in a file; undefined: nowhere. */
export type LocateObject = (object: string, pointer: string) => string | undefined

/** Errors first. */
export function renderFindings(
  findings: readonly Finding[],
  style: Style,
  locate: LocateObject = () => undefined,
): string {
  const ordered = findings.toSorted((a, b) => Number(a.severity !== 'error') - Number(b.severity !== 'error'))
  return ordered
    .map((one) => {
      const word = one.severity === 'error' ? style.bad('error') : style.warn('warning')
      const place = locate(one.object, one.pointer) ?? (one.origin === '' ? '' : one.origin)
      const where = place === '' ? one.object + one.pointer : `${place} ${one.object}${one.pointer}`
      return (
        `  ${word} ${style.bold(printable(where))}  ${printable(one.message)}\n` +
        `    ${style.dim('fix')} ${printable(one.fix)}\n`
      )
    })
    .join('')
}

/** Whether nothing can be published. */
export function hasErrors(findings: readonly Finding[]): boolean {
  return findings.some((one) => one.severity === 'error')
}

/**
 * Collects what is wrong with a release, all at once and within a bound.
 *
 * @module
 */
import type { Finding } from '#core/compile.ts'

/** Findings kept per severity. A release with more is broken in a way that the first thousand explain. */
export const FINDINGS_MAX = 1000

/** Longest text taken over from the input into a finding, in characters. */
export const TEXT_MAX = 200

/** A finding without what the collector knows: the object and its origin. */
export type FindingDraft = Pick<Finding, 'code' | 'message' | 'fix'> & { readonly pointer?: string }

/** Whom a finding is about. */
export interface Subject {
  /** `kind/name`. */
  readonly object: string
  readonly origin: string
}

/** Takes findings; `errors` and `warnings` are in order of arrival. */
export interface FindingList {
  readonly errors: Finding[]
  readonly warnings: Finding[]
  error(subject: Subject, draft: FindingDraft): void
  warn(subject: Subject, draft: FindingDraft): void
}

/** An empty list. */
export function findingList(): FindingList {
  const errors: Finding[] = []
  const warnings: Finding[] = []
  const add = (list: Finding[], severity: Finding['severity'], subject: Subject, draft: FindingDraft): void => {
    if (list.length > FINDINGS_MAX) return
    const { object, origin } = subject
    if (list.length === FINDINGS_MAX) {
      const message = `There are more than ${FINDINGS_MAX} findings; the rest is left out`
      const fix = 'Repair those that are shown and check again'
      list.push({ code: 'findings_cut', severity, object, origin, pointer: '', message, fix })
      return
    }
    const { code, pointer = '', message, fix } = draft
    list.push({ code, severity, object, origin, pointer, message, fix })
  }
  return {
    errors,
    warnings,
    error: (subject, draft) => add(errors, 'error', subject, draft),
    warn: (subject, draft) => add(warnings, 'warning', subject, draft),
  }
}

/** A text of the input as it may be shown: cut, and without control characters. */
export function shown(text: string): string {
  // Control characters would let an object's name write into a terminal.
  // oxlint-disable-next-line no-control-regex
  const plain = text.slice(0, TEXT_MAX).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?')
  return text.length > TEXT_MAX ? `${plain}…` : plain
}

/** JSON Pointer (RFC 6901) of a path; empty for the whole. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${shown(String(part)).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

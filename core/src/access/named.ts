/**
 * What is said of a long list: a refusal is the case of a flood, and each one is recorded.
 *
 * @module
 */

/** Entries that are named. */
const NAMED_MAX = 16

/** The first of them, and how many more there are. */
export function named(texts: readonly string[]): readonly string[] {
  if (texts.length <= NAMED_MAX) return texts
  return [...texts.slice(0, NAMED_MAX), `and ${texts.length - NAMED_MAX} more`]
}

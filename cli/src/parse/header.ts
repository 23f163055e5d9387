/**
 * Header fields as people write them for curl: `name: value`.
 *
 * @module
 */

/** @returns undefined when the text is not a header field. */
export function parseHeader(text: string): { readonly name: string; readonly value: string } | undefined {
  const colon = text.indexOf(':')
  const name = text.slice(0, colon)
  if (colon < 1 || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return undefined
  return { name, value: text.slice(colon + 1).trim() }
}

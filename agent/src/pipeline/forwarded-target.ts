/**
 * The target of a request as it goes to a service: what arrived, without the parameters that carried a credential.
 *
 * Everything else of the query stays byte for byte, in its order: the agent does not know how a service reads it. Pure.
 *
 * @module
 */
import type { Facts } from '@headgate/core'

/**
 * @param raw the target as it arrived; returned as it is where nothing changes, so that usual targets are not put
 *   together again.
 * @param withheld names of parameters that do not pass, decoded.
 */
export function forwardedTarget({ path, query }: Facts, raw: string, withheld: readonly string[]): string {
  if (withheld.length > 0) return path + withoutParameters(query, withheld)
  return raw.length === path.length + query.length && raw.startsWith(path) ? raw : path + query
}

/** @param query from `?` on; empty: none. */
function withoutParameters(query: string, names: readonly string[]): string {
  const parameters = query.slice(1).split('&')
  const kept = parameters.filter((parameter) => !names.includes(nameOf(parameter)))
  if (kept.length === parameters.length) return query
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

/** As it was read when the credential was found: by the rules of forms, with all spellings of a letter. */
function nameOf(parameter: string): string {
  // Behind a separator a question mark is a part of the name.
  const [first] = new URLSearchParams(`&${parameter}`).keys()
  return first ?? ''
}

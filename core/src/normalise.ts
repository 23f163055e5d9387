/**
 * Turns a request head into facts that every reader understands in the same way, or refuses it.
 *
 * What two readers could read differently is refused instead of resolved. Paths are given one form (RFC 3986
 * section 6.2.2): percent-encodings of characters that may stand in a segment are decoded, all others are written
 * in upper case. That form is what is matched and what is forwarded, so that a service cannot be reached by another
 * spelling of a path than the one that was decided about.
 *
 * Sources: RFC 9110 section 4.2 and 7.2, RFC 9112 section 3.2, RFC 3986 section 3.3, RFC 3629 (UTF-8).
 *
 * @module
 */
import type { Facts, RequestHead } from './decision.ts'
import { methodName } from './kinds/route.ts'
import { normaliseHost } from './match/host-field.ts'
import { normalisePath } from './match/path-form.ts'
import type { Reason } from './reasons.ts'

/** Longest path, in bytes. Longer ones are refused before they are looked at. */
export const PATH_BYTES_MAX = 8192

/** Longest target with its query, in bytes; a listener's bound on the whole head may be lower. */
export const TARGET_BYTES_MAX = 65_536

export type Normalised =
  | { readonly kind: 'facts'; readonly facts: Facts }
  /** `host`: as in facts, when it could be read; so that a refusal can be told to whose it is. */
  | { readonly kind: 'refused'; readonly reason: Reason; readonly host: string | null }

const METHODS: ReadonlySet<string> = new Set(methodName.options)

const refused = (reason: Reason, host: string | null): Normalised => ({ kind: 'refused', reason, host })

/** Refuses with 400 only; decides nothing about routes. */
export function normalise(head: RequestHead): Normalised {
  const hosts = head.header('host')
  const value = hosts[0]
  const host = value === undefined || hosts.length > 1 ? null : normaliseHost(value)
  if (!METHODS.has(head.method)) return refused('method_invalid', host)
  if (value === undefined) return refused('host_missing', null)
  if (host === null) return refused('host_invalid', null)
  if (head.isChainInvalid === true) return refused('proxy_chain_invalid', host)

  const { target } = head
  if (!target.startsWith('/') || target.length > TARGET_BYTES_MAX) return refused('target_invalid', host)
  const mark = target.indexOf('?')
  const query = mark === -1 ? '' : target.slice(mark)
  if (query !== '' && !isCleanQuery(query)) return refused('target_invalid', host)
  const raw = mark === -1 ? target : target.slice(0, mark)
  if (raw.length > PATH_BYTES_MAX) return refused('target_invalid', host)
  const path = normalisePath(raw)
  if (path.kind === 'refused') return refused(path.reason, host)

  const { method, scheme, address, peer = null } = head
  const header = (name: string): readonly string[] => head.header(name)
  return { kind: 'facts', facts: { method, host, path: path.path, query, scheme, address, peer, header } }
}

/** Printable ASCII without `#` and `\`, and with whole percent-encodings. Lone quotes and brackets are usual here. */
function isCleanQuery(query: string): boolean {
  return /^[!"$-[\]-~]*$/.test(query) && !/%(?![0-9A-Fa-f]{2})/.test(query)
}

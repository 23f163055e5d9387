/**
 * Who is behind the proxies in front of the agent, when all of them were declared.
 *
 * A proxy adds the address of whoever asked it at the right. So the list is read from the right, for as long as the
 * speaker is a declared proxy: the first one that is not is the caller, and what stands left of it is what the caller
 * says, which nobody needs to believe. What a declared proxy says and cannot be read is refused, because every guess
 * would be an address that somebody chose.
 *
 * Sources: RFC 7239 (Forwarded); `X-Forwarded-For` and `-Proto` have none, and are read as the usual proxies write them.
 *
 * @module
 */
import { type AddressRange, rangesContain } from '#core/credentials/addresses.ts'
import { readForwarded } from './forwarded.ts'
import { type Node, readNode } from './node-address.ts'
import { readScheme } from './scheme.ts'

/** Most declared proxies between the caller and the agent. */
export const HOPS_MAX = 32

/** Where a request came from. */
export interface Caller {
  /** As in `Facts`. */
  readonly address: string
  /** How the outermost of the proxies was asked. */
  readonly scheme: 'http' | 'https'
  /** The proxies, that of the connection last. */
  readonly proxies: readonly string[]
}

/** The connection of a declared proxy. */
export interface ProxyConnection {
  readonly address: string
  readonly scheme: 'http' | 'https'
}

/** What one of the two kinds of fields says. */
interface Said {
  readonly address: string
  /** Null: it does not say. */
  readonly scheme: 'http' | 'https' | null
  readonly proxies: readonly string[]
}

/**
 * @param trusted the declared proxies; that of the connection is one of them.
 * @param header values of a field, by its lower-case name.
 * @returns null: what the proxies say is malformed, or contradicts itself.
 */
export function readCaller(
  trusted: readonly AddressRange[],
  connection: ProxyConnection,
  header: (name: string) => readonly string[],
): Caller | null {
  const isTrusted = (address: string): boolean => rangesContain(trusted, address)
  const [standard, usual] = [header('forwarded'), header('x-forwarded-for')]
  const protos = header('x-forwarded-proto')
  const first = standard.length === 0 ? undefined : walkForwarded(standard, connection.address, isTrusted)
  const second =
    usual.length === 0 && protos.length === 0 ? undefined : walkUsual(usual, protos, connection.address, isTrusted)
  if (first === null || second === null) return null
  // One of them is perhaps the caller's own, passed on by a proxy that does not know it.
  if (first !== undefined && second !== undefined) {
    if (usual.length > 0 && first.address !== second.address) return null
    if (first.scheme !== null && second.scheme !== null && first.scheme !== second.scheme) return null
  }
  const said = usual.length === 0 ? (first ?? second) : second
  const scheme = first?.scheme ?? second?.scheme ?? connection.scheme
  if (said === undefined) return { address: connection.address, scheme, proxies: NONE }
  return { address: said.address, scheme, proxies: said.proxies }
}

const NONE: readonly string[] = []

function walkForwarded(values: readonly string[], peer: string, isTrusted: (address: string) => boolean): Said | null {
  const elements = readForwarded(values)
  if (elements === null) return null
  const walked = walk(elements.length, peer, isTrusted, (index) => elements[index]?.node ?? HIDDEN)
  return walked && { ...walked, scheme: elements[walked.index]?.scheme ?? null }
}

const HIDDEN: Node = { kind: 'hidden' }

function walkUsual(
  values: readonly string[],
  protos: readonly string[],
  peer: string,
  isTrusted: (address: string) => boolean,
): Said | null {
  const members = membersOf(values)
  const walked = walk(members.length, peer, isTrusted, (index) => readNode(members[index] ?? '', true))
  if (walked === null) return null
  const schemes = membersOf(protos).map(readScheme)
  if (schemes.includes(null)) return null
  // Proxies that do not replace the field add to it, as they do to the other one.
  if (schemes.length > 1 && schemes.length !== members.length) return null
  return { ...walked, scheme: (schemes.length === 1 ? schemes[0] : schemes[walked.index]) ?? null }
}

function membersOf(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(',').map(withoutBlanks))
}

/** Not `trim`, which also takes away what no other reader takes for a blank. */
function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

/** @returns null: malformed. `index` is of who said the last word about the caller. */
function walk(
  count: number,
  peer: string,
  isTrusted: (address: string) => boolean,
  nodeAt: (index: number) => Node | null,
): { readonly index: number; readonly address: string; readonly proxies: readonly string[] } | null {
  const proxies: string[] = []
  let address = peer
  for (let index = count - 1; index >= 0; index--) {
    const node = nodeAt(index)
    if (node === null || proxies.length === HOPS_MAX) return null
    // Whoever hides its caller answers for it.
    if (node.kind === 'hidden') return { index, address, proxies }
    proxies.unshift(address)
    address = node.address
    if (!isTrusted(address)) return { index, address, proxies }
  }
  return { index: 0, address, proxies }
}

/**
 * Sources and consumers that an operator has shut out, whatever policies say.
 *
 * Asked for every request that arrives while there are any, so a source is found in one look-up per length of prefix
 * that is in use, not by going through a list.
 *
 * @module
 */
import { type AddressRange, parseAddress, parseAddressRange, prefixMask } from '#core/credentials/addresses.ts'

/** A source or a consumer that is shut out; the other one is null. */
export interface Ban {
  readonly id: string
  /** Address range in CIDR form. */
  readonly source: string | null
  readonly consumerId: string | null
  /** In milliseconds since 1970-01-01 UTC; 0: never. */
  readonly expiresAtMs: number
}

/** Finds bans that are in force. */
export interface Bans {
  /** @param address as in `Facts`. What is not an address is in no range. */
  ofSource(address: string, nowMs: number): Ban | null
  ofConsumer(consumerId: string, nowMs: number): Ban | null
}

/** Bans of one length of prefix, by what is left of an address behind it. */
interface Prefix {
  readonly words: number
  readonly length: number
  readonly byRange: Map<string, readonly Ban[]>
}

/** @param bans a source that is no range is passed over: whoever keeps bans takes none. */
export function indexBans(bans: readonly Ban[]): Bans {
  const prefixes = new Map<string, Prefix>()
  const byConsumer = new Map<string, readonly Ban[]>()
  const add = (map: Map<string, readonly Ban[]>, key: string, ban: Ban): unknown =>
    map.set(key, [...(map.get(key) ?? []), ban])
  for (const ban of bans) {
    if (ban.consumerId !== null) add(byConsumer, ban.consumerId, ban)
    const range = ban.source === null ? null : parseAddressRange(ban.source)
    if (range?.kind !== 'range') continue
    const { words, prefix: length } = range
    const id = `${words.length}/${length}`
    const prefix = prefixes.getOrInsertComputed(id, () => ({ words: words.length, length, byRange: new Map() }))
    add(prefix.byRange, keyOf(words, length), ban)
  }
  const all = [...prefixes.values()]
  return {
    ofSource: (address, nowMs) => {
      const words = parseAddress(address)
      if (words === null) return null
      for (const prefix of all) {
        if (prefix.words !== words.length) continue
        const ban = inForce(prefix.byRange.get(keyOf(words, prefix.length)), nowMs)
        if (ban !== null) return ban
      }
      return null
    },
    ofConsumer: (consumerId, nowMs) => inForce(byConsumer.get(consumerId), nowMs),
  }
}

type Words = Extract<AddressRange, { kind: 'range' }>['words']

function keyOf(words: Words, length: number): string {
  let key = ''
  for (const [index, word] of words.entries()) key += `${word & prefixMask(length, index)}.`
  return key
}

function inForce(bans: readonly Ban[] | undefined, nowMs: number): Ban | null {
  // Written so that a time that is not a number has not come.
  return bans?.find(({ expiresAtMs }) => expiresAtMs === 0 || !(nowMs >= expiresAtMs)) ?? null
}

/**
 * The setting that names the proxies in front of the agent.
 *
 * @module
 */
import { type AddressRange, parseAddressRange } from '@headgate/core'
import type { Setting } from '@headgate/kit/settings.ts'

/** Most ranges. Each is looked at for every request that comes through a proxy. */
const RANGES_MAX = 100

/** Address ranges between commas; empty: none. A range that holds every address is refused: anybody could lie. */
export function proxyRanges({ doc }: { readonly doc: string }): Setting<readonly AddressRange[]> {
  return {
    doc,
    secret: false,
    fallback: undefined,
    parse: (text) => {
      const ranges: AddressRange[] = []
      for (const piece of text === '' ? [] : text.split(',')) {
        const part = piece.trim()
        const range = parseAddressRange(part)
        if (range === null)
          return { problem: `must be address ranges between commas, and ${part || 'nothing'} is none` }
        if (range.kind === 'range' && range.prefix === 0)
          return { problem: `must not trust everybody, as ${part} does` }
        ranges.push(range)
      }
      return ranges.length > RANGES_MAX ? { problem: `must be at most ${RANGES_MAX} ranges` } : { value: ranges }
    },
    absent: { value: [] },
  }
}

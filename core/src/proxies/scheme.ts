/**
 * Reads how a proxy says that it was asked.
 *
 * @module
 */

/** Some proxies name the protocol that an upgrade leads to. */
const SCHEMES: ReadonlyMap<string, 'http' | 'https'> = new Map([
  ['http', 'http'],
  ['https', 'https'],
  ['ws', 'http'],
  ['wss', 'https'],
])

/** @returns null: nothing that is served here. */
export function readScheme(text: string): 'http' | 'https' | null {
  return SCHEMES.get(text.toLowerCase()) ?? null
}

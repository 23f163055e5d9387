/**
 * Checks what a TLS server is made of: a TLS library notices late, or never, what does not belong together.
 *
 * @module
 */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'

/**
 * @param chains PEM, the leaf first. @param keys PEM, in the same order.
 * @returns the leaves.
 * @throws when a chain, a key or both together are no good.
 */
export function readPairs(chains: readonly string[], keys: readonly string[]): readonly X509Certificate[] {
  const kinds = new Set<string | undefined>()
  return chains.map((chain, index) => {
    const leaf = new X509Certificate(chain)
    const key = createPrivateKey(keys[index] ?? '')
    // A TLS library notices a key of the wrong kind only when a client comes.
    if (!leaf.checkPrivateKey(key)) throw new Error('the key belongs to another certificate')
    if (kinds.has(key.asymmetricKeyType)) throw new Error('both keys are of the same kind')
    kinds.add(key.asymmetricKeyType)
    return leaf
  })
}

/** @throws when one of them is no certificate: a TLS library leaves it out silently. */
export function certificatesOf(pem: string): readonly string[] {
  const blocks = pem.split(/(?<=-----END CERTIFICATE-----)\s*/).filter((block) => block.trim() !== '')
  for (const block of blocks) void new X509Certificate(block)
  return blocks
}

/** Differs when any of the parts does. */
export function fingerprintOf(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length} ${part}`)
  return hash.digest('hex')
}

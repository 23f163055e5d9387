/**
 * Open connections of clients that proved a certificate, so that they end when what they proved is revoked.
 *
 * A handshake is judged once, by the lists of that moment; connections and their streams may last for days. So what a
 * new release revokes, and what a list that has ended does not vouch for any more, is looked for among them.
 *
 * @module
 */
import type { Socket } from 'node:net'
import type { Certificates, Presented } from './certificates.ts'
import type { CertificateId } from './revocation-lists.ts'

export interface ProvenClients extends Disposable {
  /** Those that were ended. */
  readonly ended: number
  /** Follows a connection until it is over. */
  watch(socket: Socket, presented: Presented, chain: readonly CertificateId[]): void
}

export interface ProvenClientsOptions {
  readonly certificates: Pick<Certificates, 'named' | 'onFollowed'>
  /** In milliseconds since 1970-01-01 UTC. */
  readonly now: () => number
  readonly onEnded: (presented: Presented) => void
}

interface Proven {
  readonly presented: Presented
  readonly chain: readonly CertificateId[]
}

export function createProvenClients({ certificates, now, onEnded }: ProvenClientsOptions): ProvenClients {
  const clients = new Map<Socket, Proven>()
  let ended = 0

  const stop = certificates.onFollowed(() => {
    const nowMs = now()
    for (const [socket, { presented, chain }] of clients) {
      const lists = certificates.named(presented.environmentId, presented.name)?.revocations ?? null
      if (lists === null || lists.accepts(chain, nowMs)) continue
      clients.delete(socket)
      ended += 1
      socket.destroy()
      onEnded(presented)
    }
  })

  return {
    get ended() {
      return ended
    },
    watch: (socket, presented, chain) => {
      clients.set(socket, { presented, chain })
      socket.once('close', () => clients.delete(socket))
    },
    [Symbol.dispose]: () => {
      stop()
      clients.clear()
    },
  }
}

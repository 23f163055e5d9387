/**
 * Proves a caller by the client certificate of its connection.
 *
 * TLS has proven that the caller has the certificate and that an authority of the host vouches for it; here it is said
 * whose it is. What names its holder is looked for in the order of the policy, and every name that is known must name
 * the same consumer: a certificate for two would let its holder choose.
 *
 * Sources: RFC 5280 section 4.2.1.6, RFC 9525, SPIFFE X.509-SVID section 2.
 *
 * @module
 */
import {
  type CertificateIdentity,
  type Credential,
  type CredentialRecord,
  type Facts,
  judgeCredential,
  type Verified,
  type VerifiedPeer,
} from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'
import { denied } from './denied.ts'

/** Names of one kind in one certificate. One that has more names nobody. */
const NAMES_MAX = 64

/** What is found out once for each connection. */
interface Holder {
  readonly names: Map<CertificateIdentity, readonly string[]>
  /** Who it was at the last request, and the answer then. */
  record: CredentialRecord | null
  proven: Verified | null
}

const holders = new WeakMap<VerifiedPeer, Holder>()

/**
 * Of a certificate that counts for the host of the request, which core has checked.
 *
 * @param nowMs wall clock.
 */
export function verifyCertificate(
  directory: DirectoryReader,
  { peer, identities }: Extract<Credential, { kind: 'mtls' }>,
  facts: Facts,
  nowMs: number,
): Verified {
  if (!directory.known) return denied('credential_unavailable')
  const holder = holderOf(peer)
  let record: CredentialRecord | null = null
  for (const kind of identities) {
    for (const name of namesOf(holder, peer, kind)) {
      const found = directory.findCredential('certificate', name)
      if (found === null) continue
      if (record !== null && record.consumerId !== found.consumerId) return denied('credential_repeated')
      record ??= found
    }
  }
  if (record === null) return denied('certificate_unknown')
  const verified = judgeCredential(record, facts, nowMs)
  return verified.kind === 'denied' ? verified : untilItsEnd(holder, record, verified, peer.notAfterMs)
}

/** The certificate may end before what is known about it. */
function untilItsEnd(
  holder: Holder,
  record: CredentialRecord,
  verified: Extract<Verified, { kind: 'proven' }>,
  notAfterMs: number,
): Verified {
  const { principal } = verified
  if (principal.expiresAtMs !== 0 && principal.expiresAtMs <= notAfterMs) return verified
  if (holder.record !== record || holder.proven === null) {
    holder.record = record
    holder.proven = { kind: 'proven', principal: { ...principal, expiresAtMs: notAfterMs } }
  }
  return holder.proven
}

function holderOf(peer: VerifiedPeer): Holder {
  let holder = holders.get(peer)
  if (holder === undefined) {
    holder = { names: new Map(), record: null, proven: null }
    holders.set(peer, holder)
  }
  return holder
}

function namesOf({ names }: Holder, peer: VerifiedPeer, kind: CertificateIdentity): readonly string[] {
  let known = names.get(kind)
  if (known === undefined) {
    const all = certificateNames(peer, kind)
    known = all.length > NAMES_MAX ? [] : all
    names.set(kind, known)
  }
  return known
}

/** As the directory has them (`CertificateIdentity` of directory.proto). */
export function certificateNames(peer: VerifiedPeer, kind: CertificateIdentity): readonly string[] {
  switch (kind) {
    case 'fingerprint':
      return [`fingerprint:${peer.sha256}`]
    case 'subject':
      // A comma within a value is written with a backslash in front of it, so no value can be taken for two attributes.
      return peer.subject === '' ? [] : [`subject:${peer.subject.split('\n').join(',')}`]
    case 'uri':
      return ofKind(peer.names, 'URI:').map((name) => `uri:${name}`)
    case 'dns':
      return ofKind(peer.names, 'DNS:').map((name) => `dns:${name.toLowerCase()}`)
    case 'email':
      return ofKind(peer.names, 'email:').map((name) => `email:${name}`)
  }
}

function ofKind(names: readonly string[], prefix: string): readonly string[] {
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
}

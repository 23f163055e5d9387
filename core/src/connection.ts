/**
 * What the connection of a request must be, before anything else counts: TLS where it is needed, and a client
 * certificate where that is needed.
 *
 * A handshake sees a server name only, and a connection may carry requests for other hosts, so both are asked again of
 * every request. A redirect leads to the host that was asked for, and only when a certificate of the release is
 * presented there: nobody can be sent to a host that is not ours.
 *
 * Sources: RFC 9110 section 15.5.20 (421) and 15.4.9 (308), RFC 6797 section 7.2 (redirects to HTTPS).
 *
 * @module
 */
import type { Decision, Facts, TlsPeer } from './decision.ts'
import { type Attempt, deny } from './outcome.ts'
import { certificateFor, type CompiledHttps, type CompiledRoute } from './release.ts'

const HTTPS = ['https'] as const
const HTTP = ['http'] as const

/** @returns the refusal of a request to a host that asks for a client certificate, when none was proven; else null. */
export function lackingClient(at: Attempt): Decision | null {
  const certificate = certificateFor(at.release, at.facts.host)
  if (certificate?.clientCertificates?.mode !== 'required') return null
  const { peer } = at.facts
  const isProven =
    peer?.kind === 'verified' &&
    // What was trusted when the connection was opened may not be any more.
    peer.authorities === certificate.clientCertificates.ca &&
    peer.notAfterMs >= at.ports.now()
  if (isProven) return null
  const rule = { kind: 'certificate', name: certificate.name, origin: certificate.origin }
  return deny(at, 'client_certificate_missing', { rule })
}

/**
 * The client certificate of the connection, as far as it counts for the host of the request.
 *
 * A connection is opened for one name and may carry requests for others, where other authorities are believed: what one
 * of them vouches for says nothing about anybody there.
 *
 * @returns null: none counts.
 */
export function peerForHost({ release, facts, ports }: Attempt): TlsPeer | null {
  const { peer, host } = facts
  if (peer === null) return null
  const own = certificateFor(release, host)
  if (own === null || own.clientCertificates === null) return null
  // One that could not be verified for another host might be good here.
  if (peer.kind === 'unverified') return peer.certificate === own.name ? peer : null
  if (peer.authorities !== own.clientCertificates.ca) return null
  if (peer.notAfterMs >= ports.now()) return peer
  const { certificate, sha256 } = peer
  return { kind: 'unverified', certificate, sha256, why: 'it has expired since' }
}

/**
 * @param https of the route.
 * @returns the answer to a request without TLS where it is needed; null: it may pass.
 */
export function lackingTls(at: Attempt, route: CompiledRoute, https: CompiledHttps): Decision | null {
  const { facts } = at
  if (facts.scheme === 'https' || https.plain === 'allow') return null
  const details = { rule: { kind: 'policy', name: https.policy, origin: https.origin }, needed: HTTPS, had: HTTP }
  // Everybody on the way has read it. A redirect would hide that from its owner.
  if (carriesCredential(route, facts)) return deny(at, 'cleartext_credential', details)
  const isRedirected =
    https.plain === 'redirect' &&
    // A client that is sent on with another method sends its body in clear first.
    (facts.method === 'GET' || facts.method === 'HEAD') &&
    certificateFor(at.release, facts.host) !== null
  if (!isRedirected) return deny(at, 'https_required', details)
  const location = `https://${facts.host}${https.portSuffix}${facts.path}${facts.query}`
  return deny(at, 'https_redirect', { ...details, location })
}

function carriesCredential({ access }: CompiledRoute, facts: Facts): boolean {
  if (facts.header('authorization').length > 0 || facts.header('dpop').length > 0) return true
  if (access === null) return false
  const { apiKeyHeaders, apiKeyQuery } = access.sources
  if (apiKeyHeaders.some((name) => facts.header(name).length > 0)) return true
  return apiKeyQuery.length > 0 && queryNames(facts.query).some((name) => apiKeyQuery.includes(name))
}

function queryNames(query: string): readonly string[] {
  return [...new URLSearchParams(query).keys()]
}

/**
 * Which agent is at the other end of a call: by its certificate, and by nothing that it says.
 *
 * The server asks every caller for a certificate and lets those without one in, because enrollment has none yet. So
 * this is the gate of all other methods, and it is closed for whatever is not exactly an agent's certificate: grpc-js
 * hands out a certificate only when the TLS library has verified it up to our authority.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { isId } from '@headgate/kit/ids.ts'
import { type ServerUnaryCall, type StatusObject, status } from '@grpc/grpc-js'

/** In front of the agent's id, in the one URI name of its certificate. */
const URI_PREFIX = 'spiffe://headgate/agent/'

export type Identified =
  | {
      readonly kind: 'agent'
      readonly agentId: string
      /** Milliseconds since 1970-01-01 UTC. */
      readonly certificateEndsAtMs: number
      /** The certificate in DER. */
      readonly certificate: Uint8Array
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** How a call ends that is not served. */
export type Refusal = Pick<StatusObject, 'code' | 'details'>

type WithAuthContext = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext'>

/** The name in the certificate of an agent. */
export function agentUri(agentId: string): string {
  return URI_PREFIX + agentId
}

export function identify(call: WithAuthContext, clock: Clock): Identified {
  const certificate = call.getAuthContext()?.sslPeerCertificate
  if (certificate === undefined) return refused('a certificate of the agent authority is needed')
  const agentId = readUri(certificate.subjectaltname)
  if (agentId === null) return refused('the certificate does not name an agent')
  // Looked at again, because a connection and a resumed TLS session outlive the handshake that checked it.
  const certificateEndsAtMs = Date.parse(certificate.valid_to)
  if (!(certificateEndsAtMs > clock.now())) return refused('the certificate has expired')
  return { kind: 'agent', agentId, certificateEndsAtMs, certificate: certificate.raw }
}

/** @param subjectAltName as Node writes it: exactly one name is allowed, so nothing has to be parsed. */
function readUri(subjectAltName: string | undefined): string | null {
  const prefix = `URI:${URI_PREFIX}`
  if (subjectAltName?.startsWith(prefix) !== true) return null
  const agentId = subjectAltName.slice(prefix.length)
  return isId('agt', agentId) ? agentId : null
}

function refused(details: string): Identified {
  return { kind: 'refused', refusal: { code: status.UNAUTHENTICATED, details } }
}

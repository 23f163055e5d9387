/**
 * `fetch` to one control plane, with its certificate checked against what is known about it.
 *
 * A control plane that made its own certificate is recognised by that very certificate. Checking is never switched
 * off; plain http is spoken to this machine only, because a token in the clear is a token given away.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { type PeerCertificate, checkServerIdentity } from 'node:tls'
import { CliError } from '#cli/exit.ts'

export interface PinnedFetch extends AsyncDisposable {
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
}

/** Longest wait for a connection, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000

/** @param ca certificates in PEM; undefined: those that the system trusts. */
export async function createFetch(baseUrl: string, ca: string | undefined): Promise<PinnedFetch> {
  refuseClearText(baseUrl)
  // Loaded here, because half of the commands never connect and it takes a tenth of a second.
  const { Agent, fetch } = await import('undici')
  const pins = ca === undefined ? [] : certificatesOf(ca).map((certificate) => certificate.fingerprint256)
  const dispatcher = new Agent({
    connect: {
      timeout: CONNECT_TIMEOUT_MS,
      ...(ca === undefined ? {} : { ca }),
      // The very certificate that is known may be reached by any name; others have to carry the name.
      checkServerIdentity: (host: string, certificate: PeerCertificate) =>
        pins.includes(certificate.fingerprint256) ? undefined : checkServerIdentity(host, certificate),
    },
    // A call that waits for agents is silent for up to a minute; the client has its own deadline.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    // undici's own types and those of Node describe the same objects, but do not know each other.
    fetch: (url, init) => fetch(url, { ...init, dispatcher } as never) as unknown as Promise<Response>,
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  }
}

function refuseClearText(baseUrl: string): void {
  const url = URL.parse(baseUrl)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new CliError(`${baseUrl} is not an https:// address`, { fix: 'Such as https://localhost:7600' })
  }
  const loopback = /^(?:localhost|127\.[0-9.]+|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'http:' && !loopback) {
    throw new CliError(`${url.origin} would send your token in the clear`, { fix: 'Use https://' })
  }
}

/** The certificates of a PEM text. */
export function certificatesOf(pem: string): readonly X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    return found.map((text) => new X509Certificate(text))
  } catch (thrown) {
    throw new CliError('a certificate of the control plane cannot be read', { cause: thrown })
  }
}

/**
 * What TLS to the targets of a service is made of: whom we trust, and who we are.
 *
 * Certificates are always verified, against the authorities of the service or else the public ones, and for the name of
 * the target, never for an address that a name server gave. A private key is read again from time to time, so that a
 * file that changed is followed; open connections stay.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { CompiledTargetTls } from '@headgate/core'
import { errorText } from '@headgate/kit/errors.ts'
import { readSecret } from '#agent/listen/secrets.ts'
import { tlsProfiles } from '#agent/listen/tls-profiles.ts'

/** How soon a key is read again, in milliseconds; when it could not be used, sooner. */
const REFRESH_MS = 10_000
const RETRY_MS = 1_000

export type TlsMade =
  | { readonly kind: 'made'; readonly context: SecureContext }
  /** Never holds the key. */
  | { readonly kind: 'failed'; readonly why: string }

/** For targets that are spoken to as usual. Made once: making one takes longer than a handshake. */
let usual: SecureContext | null = null

/**
 * Follows the TLS of a service.
 *
 * @param env where `env://` references look.
 * @param made is called later: first with what there is, then with what it has changed to. A key that cannot be read any
 *   more changes nothing.
 * @returns ends it.
 */
export function followTargetTls(
  tls: CompiledTargetTls | null,
  env: Readonly<Record<string, string | undefined>>,
  made: (result: TlsMade) => void,
): () => void {
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let key: string | null = null
  let works = false

  function tell(result: TlsMade): void {
    if (stopped || (works && result.kind === 'failed')) return
    works = result.kind === 'made'
    made(result)
  }

  async function follow(): Promise<void> {
    const reference = tls?.certificate?.key
    if (reference === undefined) return tell(make(tls, null))
    const read = await readSecret(reference, env)
    if (read.kind === 'missing') tell({ kind: 'failed', why: read.why })
    else if (read.value !== key) {
      const result = make(tls, read.value)
      if (result.kind === 'made') key = read.value
      tell(result)
    }
    if (!stopped) timer = setTimeout(() => void follow(), works ? REFRESH_MS : RETRY_MS).unref()
  }

  queueMicrotask(() => void follow())
  return () => {
    stopped = true
    if (timer !== null) clearTimeout(timer)
  }
}

function make(tls: CompiledTargetTls | null, key: string | null): TlsMade {
  const isUsual = tls === null || (tls.ca === null && key === null)
  if (isUsual && usual !== null) return { kind: 'made', context: usual }
  try {
    if (tls !== null && tls.ca !== null) assertReadable(tls.ca)
    const context = createSecureContext({
      ...tlsProfiles.intermediate,
      ...(tls !== null && tls.ca !== null && { ca: tls.ca }),
      ...(key !== null && { cert: tls?.certificate?.chain, key }),
    })
    if (isUsual) usual = context
    return { kind: 'made', context }
  } catch (thrown) {
    return { kind: 'failed', why: `its TLS cannot be used: ${errorText(thrown)}` }
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/**
 * A secure context passes over what it cannot read, and then nobody is trusted and nobody is told why.
 *
 * @throws when one of them is no certificate.
 */
function assertReadable(authorities: string): void {
  const all = authorities.match(CERTIFICATE) ?? []
  if (all.length === 0) throw new Error('there is no authority')
  for (const each of all) new X509Certificate(each)
}

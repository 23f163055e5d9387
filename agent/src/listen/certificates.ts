/**
 * The certificates of all live releases, by server name, ready for handshakes.
 *
 * Follows the live table: a new release swaps certificates without a restart and without touching open connections.
 * A certificate whose key cannot be read or does not fit is told about and tried again; all others keep working, and
 * the last one that worked under the same name and for the same hosts keeps being presented meanwhile.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { CompiledCertificate } from '@headgate/core'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Live } from '#agent/live.ts'
import { readSecret } from './secrets.ts'

/** A certificate that cannot be presented. */
export interface Unusable {
  readonly environmentId: string
  /** Name of the certificate. */
  readonly certificate: string
  /** Never holds the key. */
  readonly why: string
}

export interface Certificates extends AsyncDisposable {
  /** @returns null when no usable certificate is for that name. */
  find(serverName: string): SecureContext | null
  /** What cannot be presented at the moment. */
  readonly unusable: readonly Unusable[]
  /** Resolves when the last change of the live table has been followed. */
  settled(): Promise<void>
}

export interface CertificatesOptions {
  readonly live: Live
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** How soon something unusable is tried again, in milliseconds. */
  readonly retryMs?: number
}

const RETRY_MS = 10_000

/** TLS 1.2 with forward secrecy and authenticated encryption only; TLS 1.3 has nothing else. */
export const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

type Table = ReadonlyMap<string, SecureContext>

export function createCertificates(options: CertificatesOptions): Certificates {
  const { live, env, log, retryMs = RETRY_MS } = options
  let table: Table = new Map()
  let unusable: readonly Unusable[] = []
  // The last usable context of each certificate, by environment and name.
  let usable = new Map<string, SecureContext>()
  let work = Promise.resolve()
  let retry: NodeJS.Timeout | null = null

  async function follow(): Promise<void> {
    const nextTable = new Map<string, SecureContext>()
    const nextUsable = new Map<string, SecureContext>()
    const problems: Unusable[] = []
    for (const { id, release } of live.environments()) {
      for (const certificate of release.certificates) {
        const key = `${id} ${certificate.name}`
        const made = await makeContext(certificate, env)
        if (made.kind === 'unusable') problems.push({ environmentId: id, certificate: certificate.name, why: made.why })
        const context = made.kind === 'context' ? made.context : usable.get(key)
        if (context === undefined) continue
        nextUsable.set(key, context)
        for (const host of certificate.hosts) if (!nextTable.has(host)) nextTable.set(host, context)
      }
    }
    tell(problems)
    table = nextTable
    usable = nextUsable
    unusable = problems
    if (retry !== null) clearTimeout(retry)
    retry = problems.length === 0 ? null : setTimeout(change, retryMs).unref()
  }

  function tell(problems: readonly Unusable[]): void {
    const known = new Set(unusable.map((problem) => JSON.stringify(problem)))
    for (const problem of problems) {
      if (known.has(JSON.stringify(problem))) continue
      const { environmentId, certificate, why } = problem
      log.error({ environment_id: environmentId, certificate, why }, 'a certificate cannot be presented')
    }
  }

  // One after the other: an older table must not overtake a newer one.
  function change(): void {
    work = work
      .then(follow)
      .catch((thrown: unknown) => log.error({ err: thrown }, 'certificates could not be followed'))
  }

  const unsubscribe = live.onChange(change)
  change()

  return {
    find: (serverName) => {
      const name = serverName.toLowerCase()
      const dot = name.indexOf('.')
      return table.get(name) ?? (dot === -1 ? undefined : table.get(`*${name.slice(dot)}`)) ?? null
    },
    get unusable() {
      return unusable
    },
    settled: async () => await work,
    [Symbol.asyncDispose]: async () => {
      unsubscribe()
      await work
      if (retry !== null) clearTimeout(retry)
    },
  }
}

type Made =
  | { readonly kind: 'context'; readonly context: SecureContext }
  | { readonly kind: 'unusable'; readonly why: string }

async function makeContext(
  { chain, key: reference }: CompiledCertificate,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Made> {
  const key = await readSecret(reference, env)
  if (key.kind === 'missing') return { kind: 'unusable', why: key.why }
  try {
    // Says in words what is wrong with the chain, where a context only knows that something is.
    void new X509Certificate(chain)
    const context = createSecureContext({ cert: chain, key: key.value, minVersion: 'TLSv1.2', ciphers: CIPHERS })
    return { kind: 'context', context }
  } catch (thrown) {
    return { kind: 'unusable', why: `certificate and key do not work together: ${errorText(thrown)}` }
  }
}

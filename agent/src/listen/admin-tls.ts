/**
 * TLS of the admin endpoint: what it presents, and whose certificates it takes. Both are followed as they change.
 *
 * @module
 */
import { constants } from 'node:crypto'
import type { Server } from 'node:https'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import type { TlsProfile } from '@headgate/core'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import { certificatesOf, fingerprintOf, readPairs } from './key-pairs.ts'
import { readSecret } from './secrets.ts'
import { tlsProfiles } from './tls-profiles.ts'

/** Secret references, each to PEM. */
export interface AdminTlsSettings {
  readonly certificate: string
  readonly key: string
  /** Authorities of those who may ask. */
  readonly clientCa: string
  /** Whether anybody may ask whether the agent is alive and ready. */
  readonly probesOpen: boolean
}

export interface AdminTlsOptions extends AdminTlsSettings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly profile: TlsProfile
  readonly log: Log
  /** How soon everything is read again, in milliseconds. */
  readonly refreshMs?: number
}

/** What is presented and demanded at one time. */
interface AdminTls {
  readonly fingerprint: string
  /** Holds the private key. */
  readonly context: SecureContextOptions
}

type AdminTlsRead = (AdminTls & { readonly kind: 'usable' }) | { readonly kind: 'unusable'; readonly why: string }

const REFRESH_MS = 10_000

export async function readAdminTls(options: AdminTlsOptions): Promise<AdminTlsRead> {
  const values: string[] = []
  for (const reference of [options.certificate, options.key, options.clientCa]) {
    const read = await readSecret(reference, options.env)
    if (read.kind === 'missing') return { kind: 'unusable', why: read.why }
    values.push(read.value)
  }
  const [cert = '', key = '', clientCa = ''] = values
  const profile = tlsProfiles[options.profile]
  try {
    readPairs([cert], [key])
    const ca = certificatesOf(clientCa)
    // A TLS library takes the authorities of the whole web in place of none.
    if (ca.length === 0) return { kind: 'unusable', why: `${options.clientCa} holds no certificate` }
    // What a client proved when a ticket was issued may have ended since.
    const secureOptions = (profile.secureOptions ?? 0) | constants.SSL_OP_NO_TICKET
    const context = { ...profile, cert, key, ca: [...ca], secureOptions }
    createSecureContext(context)
    return { kind: 'usable', fingerprint: fingerprintOf(values), context }
  } catch (thrown) {
    return { kind: 'unusable', why: `they do not work together: ${errorText(thrown)}` }
  }
}

/** Hands changes to a server. What cannot be used is told about once, and what worked before stays. */
export function followAdminTls(server: Server, first: AdminTls, options: AdminTlsOptions): Disposable {
  const { log, refreshMs = REFRESH_MS } = options
  let [fingerprint, told] = [first.fingerprint, '']
  let isOver = false

  async function follow(): Promise<void> {
    const read = await readAdminTls(options)
    if (isOver) return
    if (read.kind === 'unusable') {
      if (read.why !== told) log.warn({ why: read.why }, 'the admin endpoint goes on with the certificates of before')
      told = read.why
    } else {
      told = ''
      if (read.fingerprint !== fingerprint) {
        fingerprint = read.fingerprint
        server.setSecureContext(read.context)
        // Their certificates were judged by what was before.
        server.closeIdleConnections()
        log.info('the admin endpoint has new certificates')
      }
    }
    timer = setTimeout(again, refreshMs).unref()
  }

  const again = (): void => {
    follow().catch((error: unknown) => log.error({ err: error }, 'certificates of the admin endpoint are not followed'))
  }
  let timer = setTimeout(again, refreshMs).unref()
  return {
    [Symbol.dispose]: () => {
      isOver = true
      clearTimeout(timer)
    },
  }
}

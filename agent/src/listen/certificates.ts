/**
 * The certificates of all live releases, by server name, ready for handshakes.
 *
 * Follows the live table: a new release swaps certificates without a restart and without touching open connections.
 * Keys are read again from time to time, so that a file that changed is followed too. A certificate whose key cannot be
 * read or does not fit is told about and tried again; all others keep working, and what worked under the same name, with
 * the same demands on clients, keeps being presented meanwhile. One that has expired, or is not valid yet, is told about
 * and presented all the same: clients decide about that, and those that must not care would gain nothing from an outage.
 *
 * @module
 */
import { constants, type X509Certificate } from 'node:crypto'
import { createSecureContext, type TlsOptions } from 'node:tls'
import type { CompiledCertificate, TlsProfile } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Live } from '#agent/live-table.ts'
import { certificatesOf, fingerprintOf, readPairs } from './key-pairs.ts'
import { readRevocationLists, type RevocationLists } from './revocation-lists.ts'
import { readSecret } from './secrets.ts'
import { TICKET_LIFE_S } from './ticket-keys.ts'
import { stricterProfile, tlsProfiles } from './tls-profiles.ts'

/** A certificate with which something is wrong. */
export interface CertificateProblem {
  readonly environmentId: string
  /** Name of the certificate. */
  readonly certificate: string
  /** Never holds the key. */
  readonly why: string
}

/** What is presented for some server names, and what is asked of clients there. */
export interface Presented {
  readonly environmentId: string
  /** Name of the certificate. */
  readonly name: string
  readonly hosts: readonly string[]
  /** Everything that a TLS server needs for it but ticket keys. Holds the private key. */
  readonly options: TlsOptions
  /** PEM of the authorities that client certificates must come from; null: clients are not asked. */
  readonly authorities: string | null
  /** What those authorities have revoked; null: nothing is known. */
  readonly revocations: RevocationLists | null
  /** Whose tickets they are; null: none are issued, because what a client proved is proven anew each time. */
  readonly ticketPurpose: string | null
}

export interface Certificates extends AsyncDisposable {
  /**
   * @param serverName lower case.
   * @returns null when no usable certificate is for that name.
   */
  find(serverName: string): Presented | null
  /** What cannot be presented at the moment. */
  readonly unusable: readonly CertificateProblem[]
  /** What is presented although it has expired or is not valid yet, and lists of revoked certificates that have ended. */
  readonly outdated: readonly CertificateProblem[]
  /** What is presented under the name of a certificate at the moment; null: nothing. */
  named(environmentId: string, name: string): Presented | null
  /** Tells from time to time, and after each change, that something may be presented in another way. */
  onFollowed(listener: () => void): () => void
  /** Resolves when the last change of the live table has been followed. */
  settled(): Promise<void>
}

export interface CertificatesOptions {
  readonly live: Live
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly log: Log
  /** A certificate may ask for a stricter one. */
  readonly profile: TlsProfile
  /** How soon keys and dates are looked at again, in milliseconds. */
  readonly refreshMs?: number
}

const REFRESH_MS = 10_000

/** A certificate that works, and what it was made from. */
interface Working {
  /** Of all that went into it. */
  readonly fingerprint: string
  /** What is asked of clients: it is not loosened by a key that cannot be read. */
  readonly demands: string
  readonly leaves: readonly X509Certificate[]
  readonly presented: Presented
}

export function createCertificates(options: CertificatesOptions): Certificates {
  const { live, env, clock, log, profile, refreshMs = REFRESH_MS } = options
  let table: ReadonlyMap<string, Presented> = new Map()
  let unusable: readonly CertificateProblem[] = []
  let outdated: readonly CertificateProblem[] = []
  // By environment and name.
  let working: ReadonlyMap<string, Working> = new Map()
  const listeners = new Set<() => void>()
  let work = Promise.resolve()
  let timer: NodeJS.Timeout | null = null

  async function follow(): Promise<void> {
    const nextTable = new Map<string, Presented>()
    const nextWorking = new Map<string, Working>()
    const nextUnusable: CertificateProblem[] = []
    const nextOutdated: CertificateProblem[] = []
    const nextEnded: CertificateProblem[] = []
    for (const { id, release } of live.environments()) {
      for (const certificate of release.certificates) {
        const { name } = certificate
        const key = `${id} ${name}`
        const before = working.get(key)
        const made = await makeWorking(id, certificate, { env, profile, before })
        if (made.why !== null) nextUnusable.push({ environmentId: id, certificate: name, why: made.why })
        if (made.working === null) continue
        nextWorking.set(key, made.working)
        const { leaves, presented } = made.working
        const why = outdatedWhy(leaves, clock.now())
        const lists = presented.revocations?.problems(clock.now()) ?? []
        if (why !== null) nextOutdated.push({ environmentId: id, certificate: name, why })
        for (const problem of lists) nextEnded.push({ environmentId: id, certificate: name, why: problem })
        for (const host of certificate.hosts) if (!nextTable.has(host)) nextTable.set(host, presented)
      }
    }
    tell(unusable, nextUnusable, 'a certificate cannot be presented')
    tell(outdated, nextOutdated, 'a certificate is presented outside of its time')
    tell(outdated, nextEnded, 'clients are refused, because of a list that does not count')
    table = nextTable
    working = nextWorking
    unusable = nextUnusable
    outdated = [...nextOutdated, ...nextEnded]
    for (const listener of listeners) listener()
    if (timer !== null) clearTimeout(timer)
    timer = setTimeout(change, refreshMs).unref()
  }

  function tell(before: readonly CertificateProblem[], now: readonly CertificateProblem[], message: string): void {
    const known = new Set(before.map((problem) => JSON.stringify(problem)))
    for (const problem of now) {
      if (known.has(JSON.stringify(problem))) continue
      const { environmentId, certificate, why } = problem
      log.error({ environment_id: environmentId, certificate, why }, message)
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
      const dot = serverName.indexOf('.')
      return table.get(serverName) ?? (dot === -1 ? undefined : table.get(`*${serverName.slice(dot)}`)) ?? null
    },
    get unusable() {
      return unusable
    },
    get outdated() {
      return outdated
    },
    named: (environmentId, name) => working.get(`${environmentId} ${name}`)?.presented ?? null,
    onFollowed: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    settled: async () => await work,
    [Symbol.asyncDispose]: async () => {
      unsubscribe()
      await work
      if (timer !== null) clearTimeout(timer)
    },
  }
}

interface Made {
  /** What is to be presented; null: nothing. */
  readonly working: Working | null
  /** What is wrong; null: nothing. */
  readonly why: string | null
}

interface Surroundings {
  readonly env: CertificatesOptions['env']
  readonly profile: TlsProfile
  /** What was presented under this name until now. */
  readonly before: Working | undefined
}

async function makeWorking(
  environmentId: string,
  certificate: CompiledCertificate,
  { env, profile, before }: Surroundings,
): Promise<Made> {
  const { name, hosts, alternative, clientCertificates } = certificate
  const asked = stricterProfile(profile, certificate.profile)
  const { mode = '', ca = '', crl = null } = clientCertificates ?? {}
  const demands = fingerprintOf([asked, mode, ca, crl ?? ''])
  const unusable = (why: string): Made => ({ working: before?.demands === demands ? before : null, why })

  const pairs = [{ chain: certificate.chain, key: certificate.key }, ...(alternative === null ? [] : [alternative])]
  const keys: string[] = []
  for (const { key: reference } of pairs) {
    const read = await readSecret(reference, env)
    if (read.kind === 'missing') return unusable(read.why)
    keys.push(read.value)
  }
  const fingerprint = fingerprintOf([demands, ...hosts, ...pairs.map(({ chain }) => chain), ...keys])
  // The same object stays: with it stay the tickets that clients hold.
  if (before?.fingerprint === fingerprint) return { working: before, why: null }
  try {
    const leaves = readPairs(
      pairs.map(({ chain }) => chain),
      keys,
    )
    const authorities = certificatesOf(ca)
    const revocations = crl === null ? null : readRevocationLists(crl, authorities)
    const purpose = `${environmentId} ${name}`
    const tls: TlsOptions = {
      ...tlsProfiles[asked],
      cert: pairs.map(({ chain }) => chain),
      key: keys,
      sessionIdContext: fingerprintOf([purpose, demands]).slice(0, SESSION_CONTEXT_LENGTH),
      sessionTimeout: TICKET_LIFE_S,
      ...(clientCertificates !== null && {
        ca: [...authorities],
        requestCert: true,
        rejectUnauthorized: mode === 'required',
        // What a client proved when a ticket was issued may have ended since.
        secureOptions: (tlsProfiles[asked].secureOptions ?? 0) | constants.SSL_OP_NO_TICKET,
        ...(revocations !== null && { crl: [...revocations.blocks] }),
      }),
    }
    // Says now what a handshake would say too late.
    createSecureContext(tls)
    const ticketPurpose = clientCertificates === null ? purpose : null
    const presented: Presented = {
      environmentId,
      name,
      hosts,
      options: tls,
      authorities: clientCertificates?.ca ?? null,
      revocations,
      ticketPurpose,
    }
    return { working: { fingerprint, demands, leaves, presented }, why: null }
  } catch (thrown) {
    return unusable(`certificate and key do not work together: ${errorText(thrown)}`)
  }
}

/** Longest that OpenSSL takes, in bytes. */
const SESSION_CONTEXT_LENGTH = 32

/** Why a certificate is not valid at that time; null: all are. */
function outdatedWhy(leaves: readonly X509Certificate[], nowMs: number): string | null {
  for (const { validFrom, validTo } of leaves) {
    if (nowMs > Date.parse(validTo)) return `it expired at ${new Date(validTo).toISOString()}`
    if (nowMs < Date.parse(validFrom)) return `it is not valid before ${new Date(validFrom).toISOString()}`
  }
  return null
}

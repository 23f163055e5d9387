/**
 * The keys of an installation: agent authority, snapshot signing key, server certificate of the agent link.
 *
 * Made once, by whichever control plane starts first, and the same for all replicas. The private parts are sealed
 * (seal.ts) before they reach Postgres.
 *
 * @module
 */
import { type KeyedCertificate, createAuthority, issueServerCertificate } from '@headgate/kit/pki.ts'
import type { Clock } from '@headgate/kit/clock.ts'
import { newId } from '@headgate/kit/ids.ts'
import type { Database, Prisma } from '@headgate/prisma'
import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { X509Certificate } from 'node:crypto'
import { type SnapshotSigner, createSigner } from '#control-plane/releases/sign.ts'
import type { Sealer } from './seal.ts'

/** Name in the server certificate of the agent link. Agents ask for this name whatever address they dial. */
export const LINK_SERVER_NAME = 'control-plane.headgate.internal'

/** Taken while keys are made, so that two replicas that start at once agree on one set. */
const ADVISORY_LOCK = 72_707_371n

const DAY_MS = 86_400_000
const AUTHORITY_LIFE_MS = 3650 * DAY_MS
const SERVER_LIFE_MS = 1825 * DAY_MS
/** A server certificate with less life than this is replaced at the next start. */
const SERVER_LIFE_MS_MIN = 365 * DAY_MS

type Purpose = 'agent_ca' | 'snapshot_signing' | 'agent_link_server'

interface Stored {
  readonly purpose: Purpose
  readonly publicPart: Uint8Array<ArrayBuffer>
  readonly privatePart: Uint8Array<ArrayBuffer>
}

/** What a control plane needs to speak to agents. Secret as a whole: never logged. */
export interface InstallationKeys {
  /** Signs the certificates of agents. */
  readonly agentAuthority: KeyedCertificate
  readonly linkServer: KeyedCertificate
  /** Signs snapshots. */
  readonly signer: SnapshotSigner
}

/**
 * Loads the keys, or makes those that are missing.
 *
 * @throws DependencyError `master_key_wrong` or `sealed_damaged`: nothing is made anew in that case, because agents
 *   in the field trust the keys that cannot be opened.
 */
export async function loadInstallationKeys(options: {
  readonly db: Database
  readonly sealer: Sealer
  readonly clock: Clock
}): Promise<InstallationKeys> {
  const { db, sealer, clock } = options
  const present = await load(db, sealer, clock)
  if (present !== null) return present
  return db.$transaction(
    async (tx) => {
      await tx.$executeRaw`select pg_advisory_xact_lock(${ADVISORY_LOCK})`
      const made = (await load(tx, sealer, clock)) ?? (await make(tx, sealer, clock))
      return made
    },
    { timeout: 30_000, maxWait: 10_000 },
  )
}

async function load(db: Prisma.TransactionClient, sealer: Sealer, clock: Clock): Promise<InstallationKeys | null> {
  const authority = await newest(db, sealer, 'agent_ca')
  const signing = await newest(db, sealer, 'snapshot_signing')
  const server = await newest(db, sealer, 'agent_link_server')
  if (authority === null || signing === null || server === null) return null
  const serverEndsAt = new X509Certificate(server.publicPart).validToDate.getTime()
  if (serverEndsAt - clock.now() < SERVER_LIFE_MS_MIN) return null
  return {
    agentAuthority: keyed(authority),
    linkServer: keyed(server),
    signer: createSigner(signingKey(signing.privatePart)),
  }
}

async function make(db: Prisma.TransactionClient, sealer: Sealer, clock: Clock): Promise<InstallationKeys> {
  const nowMs = clock.now()
  const authority =
    (await newest(db, sealer, 'agent_ca')) ?? (await save(db, sealer, nowMs, await makeAuthority(nowMs)))
  const signing = (await newest(db, sealer, 'snapshot_signing')) ?? (await save(db, sealer, nowMs, makeSigningKey()))
  const server = await save(db, sealer, nowMs, await makeServer(keyed(authority), nowMs))
  return {
    agentAuthority: keyed(authority),
    linkServer: keyed(server),
    signer: createSigner(signingKey(signing.privatePart)),
  }
}

async function newest(db: Prisma.TransactionClient, sealer: Sealer, purpose: Purpose): Promise<Stored | null> {
  const row = await db.sealedKey.findFirst({ where: { purpose }, orderBy: { id: 'desc' } })
  if (row === null) return null
  return { purpose, publicPart: row.public, privatePart: sealer.open(purpose, row.id, row.sealed) }
}

async function save(db: Prisma.TransactionClient, sealer: Sealer, nowMs: number, stored: Stored): Promise<Stored> {
  const id = newId('sky', nowMs)
  const sealed = sealer.seal(stored.purpose, id, stored.privatePart)
  await db.sealedKey.create({ data: { id, purpose: stored.purpose, public: stored.publicPart, sealed } })
  return stored
}

async function makeAuthority(nowMs: number): Promise<Stored> {
  const made = await createAuthority({ name: 'Headgate agents', nowMs, lifeMs: AUTHORITY_LIFE_MS })
  return { purpose: 'agent_ca', publicPart: made.certificate, privatePart: made.privateKey }
}

function makeSigningKey(): Stored {
  const { privateKey } = generateKeyPairSync('ed25519')
  return {
    purpose: 'snapshot_signing',
    publicPart: new Uint8Array(createPublicKey(privateKey).export({ format: 'der', type: 'spki' })),
    privatePart: new Uint8Array(privateKey.export({ format: 'der', type: 'pkcs8' })),
  }
}

async function makeServer(authority: KeyedCertificate, nowMs: number): Promise<Stored> {
  const made = await issueServerCertificate(authority, { hosts: [LINK_SERVER_NAME], nowMs, lifeMs: SERVER_LIFE_MS })
  return { purpose: 'agent_link_server', publicPart: made.certificate, privatePart: made.privateKey }
}

function keyed({ publicPart, privatePart }: Stored): KeyedCertificate {
  return { certificate: publicPart, privateKey: privatePart }
}

function signingKey(der: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' })
}

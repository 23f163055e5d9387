/**
 * What agents are sent, read from Postgres: which environment has what, releases, directories.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import type { Database } from '@headgate/prisma'
import {
  type Directory,
  type DirectoryDelta,
  DirectoryDeltaSchema,
  DirectorySchema,
  type SignedSnapshot,
  SignedSnapshotSchema,
} from '@headgate/proto'
import type { Wanted } from '#control-plane/fleet/plan.ts'
import {
  type ApiKeyRow,
  type CredentialRow,
  apiKeyMessage,
  banMessage,
  consumerMessage,
  credentialMessage,
} from './messages.ts'

export interface WantedRow extends Wanted {
  readonly environmentId: string
}

export interface ServedRow extends WantedRow {
  readonly groupId: string
}

export type ContentStore = ReturnType<typeof createContentStore>

/** Before every sequence. */
const FROM_START = -1n

export function createContentStore(db: Database) {
  return {
    /** Every environment that some agent group serves, once per group: one query for the whole fleet. */
    readServed: (): Promise<readonly ServedRow[]> =>
      // Guarantee: across tenants by intent; agents of one group may serve many.
      db.$queryRaw<ServedRow[]>`
        select g.group_id as "groupId", e.id as "environmentId", e.release_number as "releaseNumber",
          e.directory_sequence as "directorySequence"
        from agent_group_environments g join environments e on e.id = g.environment_id
        order by e.id`,

    readWanted: async (environmentIds: readonly string[]): Promise<readonly WantedRow[]> => {
      const rows = await db.environment.findMany({
        where: { id: { in: [...environmentIds] } },
        select: { id: true, releaseNumber: true, directorySequence: true },
      })
      return rows.map(({ id, ...wanted }) => ({ environmentId: id, ...wanted }))
    },

    readRelease: async (environmentId: string, number: number): Promise<SignedSnapshot | null> => {
      const row = await db.release.findUnique({
        where: { environmentId_number: { environmentId, number } },
        select: { snapshot: true, signature: true, keyId: true },
      })
      return row === null ? null : create(SignedSnapshotSchema, row)
    },

    /** @returns null when the environment is gone. */
    readDirectory: async (environmentId: string): Promise<Directory | null> => {
      const read = await readRows(db, environmentId, FROM_START)
      if (read === null) return null
      return create(DirectorySchema, {
        environmentId,
        sequence: read.sequence,
        consumers: read.consumers.map(consumerMessage),
        apiKeys: read.apiKeys.map(apiKeyMessage),
        credentials: read.credentials.map(credentialMessage),
        bans: read.bans.map(banMessage),
      })
    },

    /** Everything that changed after a sequence. @returns null when the environment is gone. */
    readDelta: async (environmentId: string, fromSequence: bigint): Promise<DirectoryDelta | null> => {
      const read = await readRows(db, environmentId, fromSequence)
      if (read === null || read.sequence < fromSequence) return null
      const [gone, live] = partition(read.consumers, ({ deletedAt }) => deletedAt !== null)
      const [goneKeys, liveKeys] = partition(read.apiKeys, ({ gone: isGone }) => isGone)
      const [goneCredentials, liveCredentials] = partition(read.credentials, ({ gone: isGone }) => isGone)
      const [goneBans, liveBans] = partition(read.bans, ({ liftedAt }) => liftedAt !== null)
      return create(DirectoryDeltaSchema, {
        environmentId,
        fromSequence,
        toSequence: read.sequence,
        consumers: live.map(consumerMessage),
        apiKeys: liveKeys.map(apiKeyMessage),
        deletedConsumerIds: gone.map(({ id }) => id),
        deletedApiKeyIds: goneKeys.map(({ id }) => id),
        credentials: liveCredentials.map(credentialMessage),
        deletedCredentialIds: goneCredentials.map(({ id }) => id),
        bans: liveBans.map(banMessage),
        deletedBanIds: goneBans.map(({ id }) => id),
      })
    },
  }
}

/**
 * Sequence and rows of one moment: what changed after a sequence, or everything that is not deleted.
 *
 * Guarantee: repeatable read, so the sequence names exactly what is in the rows. With a later look at the rows, one
 * that changed twice would be missing from the delta that claims to contain its first change.
 */
async function readRows(db: Database, environmentId: string, fromSequence: bigint) {
  const live = fromSequence === FROM_START ? { deletedAt: null } : {}
  const [environment, consumers, apiKeys, credentials, bans] = await db.$transaction(
    [
      db.environment.findUnique({ where: { id: environmentId }, select: { directorySequence: true } }),
      db.consumer.findMany({
        where: { environmentId, sequence: { gt: fromSequence }, ...live },
        select: { id: true, name: true, disabled: true, roles: true, deletedAt: true },
        orderBy: { id: 'asc' },
      }),
      // Guarantee: keys of this environment alone. A join, because the client would ask for each consumer by id.
      db.$queryRaw<ApiKeyRow[]>`
        select k.id, k.consumer_id as "consumerId", k.sha256, k.scopes, k.addresses, k.state,
          k.expires_at as "expiresAt", k.last4, k.decoy, k.limits, c.deleted_at is not null as gone
        from api_keys k join consumers c on c.id = k.consumer_id
        where k.environment_id = ${environmentId} and k.sequence > ${fromSequence}
          and (c.deleted_at is null or ${fromSequence} <> ${FROM_START})
        order by k.id`,
      // Guarantee: as above. A revoked one whose subject was given again is gone: agents know one credential of a name.
      db.$queryRaw<CredentialRow[]>`
        select * from (
          select r.id, r.consumer_id as "consumerId", r.kind, r.subject, r.algorithm, r.public_key as "publicKey",
            r.secret, r.scopes, r.addresses, r.state, r.expires_at as "expiresAt",
            c.deleted_at is not null or r.state = 'revoked' and exists (
              select from credentials l where l.environment_id = r.environment_id and l.kind = r.kind
                and l.subject = r.subject and l.state <> 'revoked') as gone
          from credentials r join consumers c on c.id = r.consumer_id
          where r.environment_id = ${environmentId} and r.sequence > ${fromSequence}
        ) rows
        where not gone or ${fromSequence} <> ${FROM_START}
        order by id`,
      db.ban.findMany({
        where: {
          environmentId,
          sequence: { gt: fromSequence },
          ...(fromSequence === FROM_START ? { liftedAt: null } : {}),
        },
        select: { id: true, source: true, consumerId: true, expiresAt: true, liftedAt: true },
        orderBy: { id: 'asc' },
      }),
    ],
    { isolationLevel: 'RepeatableRead' },
  )
  if (environment === null) return null
  return { sequence: environment.directorySequence, consumers, apiKeys, credentials, bans }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  const yes: T[] = []
  const no: T[] = []
  for (const item of items) (test(item) ? yes : no).push(item)
  return [yes, no]
}

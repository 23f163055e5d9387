/**
 * Consumers and API keys, as many as a large customer has, put straight into the database.
 *
 * @module
 */
import { RANDOM_LENGTH, formatApiKey, parseApiKey } from '@headgate/core'
import { newId, randomBase62 } from '@headgate/kit/ids.ts'
import { createHash } from 'node:crypto'
import { PLACE } from '../release.ts'
import { runSql } from './postgres.ts'

/** Consumers that hold the keys. */
const CONSUMERS = 1_000

/** Keys of one statement. */
const BATCH = 10_000

export interface Key {
  readonly text: string
  readonly consumer: string
}

/** Random keys, dealt out to the consumers in turn. */
export function createKeys(count: number): Key[] {
  return Array.from({ length: count }, (_, index) => ({
    text: formatApiKey(PLACE.environment, randomBase62(RANDOM_LENGTH)),
    consumer: `consumer-${index % CONSUMERS}`,
  }))
}

/** Inserts them as one change of the directory. Before the first agent connects: nobody is told. */
export async function insertKeys(databaseUrl: string, keys: readonly Key[]): Promise<void> {
  const nowMs = Date.now()
  const environment = `(select id from environments where name = '${PLACE.environment}')`
  const consumers = new Map(keys.map(({ consumer }) => [consumer, newId('cns', nowMs)]))
  const columns = { ids: [...consumers.values()], names: [...consumers.keys()] }
  const statements = [
    `insert into consumers (id, environment_id, name, sequence, updated_at)
      select id, ${environment}, name, 1, now() from unnest(${list(columns.ids)}, ${list(columns.names)}) as c(id, name)`,
  ]
  for (let from = 0; from < keys.length; from += BATCH) {
    const some = keys.slice(from, from + BATCH)
    const ids = list(some.map(() => newId('key', nowMs)))
    const owners = list(some.map(({ consumer }) => consumers.get(consumer) ?? ''))
    const hashes = list(some.map(({ text }) => createHash('sha256').update(text).digest('hex')))
    const ends = list(some.map(({ text }) => last4(text)))
    statements.push(
      `insert into api_keys (id, environment_id, consumer_id, sha256, last4, scopes, addresses, sequence, created_by)
        select id, ${environment}, owner, decode(hash, 'hex'), ending, '{}', '{}', 1, 'bench'
        from unnest(${ids}, ${owners}, ${hashes}, ${ends}) as k(id, owner, hash, ending)`,
    )
  }
  statements.push(`update environments set directory_sequence = 1 where name = '${PLACE.environment}'`)
  await runSql(databaseUrl, statements)
}

/** Letters and digits only: nothing to escape. In quotes, because a text may be `null`. */
const list = (values: readonly string[]): string => `'{"${values.join('","')}"}'::text[]`

function last4(text: string): string {
  const parsed = parseApiKey(text)
  return parsed.kind === 'api_key' ? parsed.last4 : ''
}

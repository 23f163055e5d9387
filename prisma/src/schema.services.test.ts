/**
 * What the hand-written part of the migrations guarantees, whatever the code above it does.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { type TestDatabase, createTestDatabase } from './testing.ts'

let database: TestDatabase
let client: pg.Client

before(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query(`
    insert into tenants (id, name) values ('ten_1', 'acme');
    insert into environments (id, tenant_id, name) values ('env_1', 'ten_1', 'production');
    insert into operators (id, name) values ('opr_1', 'ada');
    insert into releases (id, environment_id, number, snapshot, signature, key_id, created_by)
      values ('rel_1', 'env_1', 1, '\\x01', '\\x02', 'key_1', 'opr_1');
    insert into audit_entries (id, operator_name, action, target_kind, target_id, target_name, request_id, address)
      values ('aud_1', 'ada', 'release.publish', 'release', 'rel_1', 'r1', 'req_1', '127.0.0.1')`)
})

after(async () => {
  await client.end()
  await database[Symbol.asyncDispose]()
})

for (const table of ['releases', 'audit_entries']) {
  for (const statement of [`update ${table} set id = 'other'`, `delete from ${table}`, `truncate ${table} cascade`]) {
    test(`the database refuses: ${statement}`, async () => {
      await assert.rejects(client.query(statement), /append-only/)
      const { rows } = await client.query(`select count(*)::int as count from ${table}`)
      assert.equal(rows[0].count, 1)
    })
  }
}

const addConsumer = (id: string, deletedAt: string | null) =>
  client.query(
    `insert into consumers (id, environment_id, name, sequence, deleted_at) values ($1, 'env_1', 'mobile', 1, $2)`,
    [id, deletedAt],
  )

test("a deleted consumer's name can be given again, a living one's cannot", async () => {
  await addConsumer('con_1', '2026-01-01T00:00:00Z')
  await addConsumer('con_2', '2026-01-02T00:00:00Z')
  await addConsumer('con_3', null)
  await assert.rejects(addConsumer('con_4', null), /consumers_name_live_key/)
})

test('an operator has one role on everything', async () => {
  const add = (id: string) =>
    client.query("insert into operator_roles (id, operator_id, tenant_id, role) values ($1, 'opr_1', null, 'viewer')", [
      id,
    ])
  await add('rol_1')
  await assert.rejects(add('rol_2'), /operator_roles_operator_id_tenant_id_key/)
})

for (const [word, statement] of [
  [
    'operator role',
    "insert into operator_roles (id, operator_id, tenant_id, role) values ('x', 'opr_1', 'ten_1', 'root')",
  ],
  ['operator kind', "insert into operators (id, name, kind) values ('x', 'x', 'robot')"],
  ['key purpose', "insert into sealed_keys (id, purpose, public, sealed) values ('x', 'other', '', '')"],
] as const) {
  test(`an unknown ${word} is refused`, async () => {
    await assert.rejects(client.query(statement), /_check/)
  })
}

// Guards against a mistake that would store the secret itself where its hash belongs.
test('a session whose hash is not 32 bytes long is refused', async () => {
  const add = (sha256: Buffer) =>
    client.query("insert into sessions (id, operator_id, sha256, expires_at) values ('ses_1', 'opr_1', $1, now())", [
      sha256,
    ])
  await assert.rejects(add(Buffer.from('the secret itself, in clear')), /sessions_sha256_check/)
  await add(randomBytes(32))
})

const addCredential = (id: string, columns: Readonly<Record<string, string | null>>) => {
  const row = { id, environment_id: 'env_1', consumer_id: 'con_3', sequence: '1', created_by: 'ada', ...columns }
  const names = Object.keys(row)
  const places = names.map((_, index) => `$${index + 1}`)
  return client.query(`insert into credentials (${names.join(', ')}) values (${places.join(', ')})`, Object.values(row))
}

test('what is presented leads to one credential that is not revoked', async () => {
  const certificate = { kind: 'certificate', subject: 'uri:spiffe://acme/ci' }
  await addCredential('crd_1', { ...certificate, state: 'revoked' })
  await addCredential('crd_2', { ...certificate, state: 'disabled' })
  await assert.rejects(addCredential('crd_3', certificate), /credentials_subject_live_key/)
  await addCredential('crd_4', {
    kind: 'signing_key',
    subject: 'uri:spiffe://acme/ci',
    algorithm: 'ed25519',
    public_key: 'x',
  })
})

// Guards against a key that would be checked with something else than what was meant.
test('a credential has exactly the key that belongs to its kind', async () => {
  const key = { kind: 'signing_key', subject: 'k' }
  for (const columns of [
    { kind: 'other', subject: 'k' },
    { kind: 'certificate', subject: 'k', secret: 'env://X' },
    { ...key },
    { ...key, public_key: 'x' },
    { ...key, algorithm: 'ed25519' },
    { ...key, algorithm: 'ed25519', public_key: 'x', secret: 'env://X' },
    { ...key, algorithm: 'hmac-sha256', public_key: 'x' },
    { ...key, algorithm: 'none', public_key: 'x' },
  ]) {
    await assert.rejects(addCredential('crd_9', columns), /credentials_kind_check/, JSON.stringify(columns))
  }
})

/**
 * What agents tell about credentials, over their own mTLS port into Postgres.
 */
import { type MessageInitShape, create } from '@bufbuild/protobuf'
import { Metadata } from '@grpc/grpc-js'
import { newId } from '@headgate/kit/ids.ts'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import {
  type ExportLogsServiceResponse,
  ExportLogsServiceRequestSchema,
  LogsService,
  createServiceClient,
} from '@headgate/proto'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { after, before } from 'node:test'
import {
  type EnrolledAgent,
  type Seeded,
  type TestFleet,
  addApiKey,
  addConsumer,
  callOnce,
  enrollDirectly,
  linkCredentials,
  linkOptions,
  newToken,
  seed,
  startTestFleet,
} from '#control-plane/fleet/testing.ts'

const stack = new AsyncDisposableStack()
let world: TestFleet
let seeded: Seeded
let agents: readonly [EnrolledAgent, EnrolledAgent]
let consumerId: string

before(async () => {
  const database = stack.use(await createTestDatabase())
  world = stack.use(await startTestFleet(database.url, randomBytes(32)))
  seeded = await seed(world.db, 'acme')
  const enroll = async (name: string) => enrollDirectly(world, await newToken(world, seeded.groupId), name)
  agents = [await enroll('eu-1'), await enroll('eu-2')]
  consumerId = await addConsumer(world, seeded.environmentId, 'alice')
})
after(() => stack.disposeAsync())

type Value = string | number | readonly (string | number)[]
type LogInit = NonNullable<
  NonNullable<
    NonNullable<MessageInitShape<typeof ExportLogsServiceRequestSchema>['resourceLogs']>[number]['scopeLogs']
  >[number]['logRecords']
>[number]

type AnyValue = NonNullable<NonNullable<LogInit['attributes']>[number]['value']>

function valueOf(value: Value): AnyValue {
  if (typeof value === 'string') return { value: { case: 'stringValue', value } }
  if (typeof value === 'number') return { value: { case: 'intValue', value: BigInt(value) } }
  return { value: { case: 'arrayValue', value: { values: value.map(valueOf) } } } as AnyValue
}

async function send(agent: EnrolledAgent, eventName: string, fields: Readonly<Record<string, Value>>): Promise<void> {
  const attributes = Object.entries(fields).map(([key, value]) => ({ key, value: valueOf(value) }))
  const logRecords = [{ timeUnixNano: BigInt(Date.now()) * 1_000_000n, eventName, attributes }] as LogInit[]
  const request = create(ExportLogsServiceRequestSchema, { resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
  const client = createServiceClient(
    LogsService,
    `127.0.0.1:${world.fleet.port}`,
    linkCredentials(world.keys, agent),
    linkOptions,
  )
  try {
    await callOnce<ExportLogsServiceResponse>((options, done) => client.export(request, new Metadata(), options, done))
  } finally {
    client.close()
  }
}

type Use = readonly [id: string, address: string, atMs: number]

const tell = (agent: EnrolledAgent, environmentId: string, uses: readonly Use[]) =>
  send(agent, 'headgate.credentials.used', {
    'headgate.environment.id': environmentId,
    'headgate.credential.ids': uses.map(([id]) => id),
    'headgate.credential.addresses': uses.map(([, address]) => address),
    'headgate.credential.times': uses.map(([, , atMs]) => atMs),
  })

const lastUse = async (id: string) => {
  const row = await world.db.apiKey.findUniqueOrThrow({ where: { id } })
  return [row.lastUsedAt?.getTime() ?? null, row.lastUsedAgent, row.lastUsedAddress]
}

async function addCertificate(): Promise<string> {
  const id = newId('crd', Date.now())
  const { environmentId } = seeded
  const data = { id, environmentId, consumerId, kind: 'certificate', subject: `uri:${id}`, sequence: 1n }
  await world.db.credential.create({ data: { ...data, createdBy: 'test' } })
  return id
}

test('the newest use of a credential counts, whichever agent tells of it, and in whatever order', async () => {
  const { environmentId } = seeded
  const [key, certificate] = [await addApiKey(world, environmentId, consumerId), await addCertificate()]
  const nowMs = Date.now()
  await tell(agents[0], environmentId, [
    [key, '192.0.2.1', nowMs - 2_000],
    [certificate, '2001:db8::1', nowMs - 1_000],
    [key, '192.0.2.9', nowMs - 9_000],
  ])
  assert.deepEqual(await lastUse(key), [nowMs - 2_000, 'eu-1', '192.0.2.1'])
  await tell(agents[1], environmentId, [[key, '192.0.2.2', nowMs - 1_000]])
  await tell(agents[0], environmentId, [[key, '192.0.2.1', nowMs - 2_000]])
  assert.deepEqual(await lastUse(key), [nowMs - 1_000, 'eu-2', '192.0.2.2'])
  const row = await world.db.credential.findUniqueOrThrow({ where: { id: certificate } })
  assert.deepEqual(
    [row.lastUsedAt?.getTime(), row.lastUsedAgent, row.lastUsedAddress],
    [nowMs - 1_000, 'eu-1', '2001:db8::1'],
  )
})

// An agent of one tenant must not write into the keys of another, whatever environment it names.
test('an agent tells of the credentials of its own environments alone', async () => {
  const other = await seed(world.db, 'other')
  const theirs = await addApiKey(world, other.environmentId, await addConsumer(world, other.environmentId, 'bob'))
  await tell(agents[0], other.environmentId, [[theirs, '192.0.2.1', Date.now()]])
  await tell(agents[0], seeded.environmentId, [[theirs, '192.0.2.1', Date.now()]])
  assert.deepEqual(await lastUse(theirs), [null, null, null])
})

test('agents that tell of the same thousand keys at once do not get in each other’s way', async () => {
  const { environmentId } = seeded
  const template = await world.db.apiKey.findUniqueOrThrow({
    where: { id: await addApiKey(world, environmentId, consumerId) },
  })
  const ids = Array.from({ length: 1_000 }, () => newId('key', Date.now()))
  await world.db.apiKey.createMany({
    data: ids.map((id) => ({ ...template, id, sha256: new Uint8Array(randomBytes(32)), limits: [] })),
  })
  const nowMs = Date.now()
  const uses = ids.map((id): Use => [id, '192.0.2.1', nowMs - 1_000])
  const newer = ids.toReversed().map((id): Use => [id, '192.0.2.2', nowMs])
  await Promise.all([tell(agents[0], environmentId, uses), tell(agents[1], environmentId, newer)])
  const count = await world.db.apiKey.count({ where: { id: { in: ids }, lastUsedAddress: '192.0.2.2' } })
  assert.equal(count, 1_000)
})

test('a decoy that is presented is a security event, once per request, and what is no decoy is none', async () => {
  const { environmentId } = seeded
  const [decoy, key] = [
    await addApiKey(world, environmentId, consumerId),
    await addApiKey(world, environmentId, consumerId),
  ]
  await world.db.apiKey.update({ where: { id: decoy }, data: { decoy: true } })
  const presented = (id: string, request: string) =>
    send(agents[0], 'headgate.credential.decoy_used', {
      'headgate.environment.id': environmentId,
      'headgate.credential.id': id,
      'client.address': '192.0.2.66',
      'headgate.request.id': request,
    })
  await presented(decoy, 'req_1')
  await presented(decoy, 'req_1')
  await presented(decoy, 'req_2')
  await presented(key, 'req_3')
  const rows = await world.db.securityEvent.findMany({ where: { environmentId }, orderBy: { requestId: 'asc' } })
  assert.deepEqual(
    rows.map((row) => [row.kind, row.credentialId, row.consumer, row.agent, row.address, row.requestId, row.action]),
    ['req_1', 'req_2'].map((request) => ['decoy_used', decoy, 'alice', 'eu-1', '192.0.2.66', request, 'alert']),
  )
})

import { type MessageInitShape, create } from '@bufbuild/protobuf'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { Metadata } from '@grpc/grpc-js'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import {
  type ExportLogsServiceResponse,
  ExportLogsServiceRequestSchema,
  type ExportMetricsServiceResponse,
  ExportMetricsServiceRequestSchema,
  LogsService,
  MetricsService,
  createServiceClient,
} from '@headgate/proto'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test, { after, before } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type EnrolledAgent,
  type Seeded,
  type TestFleet,
  callOnce,
  enrollDirectly,
  linkCredentials,
  linkOptions,
  newToken,
  seed,
  silentLog,
  startTestFleet,
} from '#control-plane/fleet/testing.ts'
import { createTelemetryReceiver } from './receiver.ts'
import { systemClock } from '@headgate/kit/clock.ts'

const HOUR_MS = 3_600_000
const stack = new AsyncDisposableStack()
let world: TestFleet
let seeded: Seeded
let agent: EnrolledAgent

before(async () => {
  const database = stack.use(await createTestDatabase())
  world = stack.use(await startTestFleet(database.url, randomBytes(32)))
  seeded = await seed(world.db, 'acme')
  agent = await enrollDirectly(world, await newToken(world, seeded.groupId), 'eu-1')
})
after(() => stack.disposeAsync())

const text = (key: string, value: string) => ({ key, value: { value: { case: 'stringValue' as const, value } } })
const count = (key: string, value: number) => ({
  key,
  value: { value: { case: 'intValue' as const, value: BigInt(value) } },
})

function decision(requestId: string, environmentId = seeded.environmentId) {
  return {
    timeUnixNano: BigInt(Date.now()) * 1_000_000n,
    eventName: 'headgate.decision',
    attributes: [
      text('headgate.request.id', requestId),
      text('headgate.environment.id', environmentId),
      text('headgate.decision.outcome', 'deny'),
      text('headgate.decision.reason', 'scope_missing'),
      count('headgate.release.number', 1),
      count('http.response.status_code', 403),
      text('http.request.method', 'GET'),
      text('headgate.decision.record', JSON.stringify({ environment_id: environmentId, needed: ['orders:delete'] })),
    ],
  }
}

async function sendLogs(logRecords: ReturnType<typeof decision>[]): Promise<ExportLogsServiceResponse> {
  const client = createServiceClient(
    LogsService,
    `127.0.0.1:${world.fleet.port}`,
    linkCredentials(world.keys, agent),
    linkOptions,
  )
  const request = create(ExportLogsServiceRequestSchema, { resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
  try {
    return await callOnce<ExportLogsServiceResponse>((options, done) =>
      client.export(request, new Metadata(), options, done),
    )
  } finally {
    client.close()
  }
}

async function sendRequests(requests: number, seconds: number): Promise<void> {
  const client = createServiceClient(
    MetricsService,
    `127.0.0.1:${world.fleet.port}`,
    linkCredentials(world.keys, agent),
    linkOptions,
  )
  const dataPoints = [
    {
      timeUnixNano: BigInt(Date.now()) * 1_000_000n,
      count: BigInt(requests),
      sum: seconds,
      attributes: [
        text('headgate.environment.id', seeded.environmentId),
        text('headgate.route', 'orders'),
        text('headgate.decision.reason', 'allowed'),
        count('headgate.status_class', 2),
      ],
    },
  ]
  const data = { case: 'histogram' as const, value: { dataPoints, aggregationTemporality: 1 } }
  const metrics = [{ name: 'headgate.request.duration', unit: 's', data }]
  const init = { resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }
  const request = create(
    ExportMetricsServiceRequestSchema,
    init as MessageInitShape<typeof ExportMetricsServiceRequestSchema>,
  )
  try {
    await callOnce<ExportMetricsServiceResponse>((options, done) =>
      client.export(request, new Metadata(), options, done),
    )
  } finally {
    client.close()
  }
}

test('a refused request can be found by its id, with the agent that refused it', async () => {
  await sendLogs([decision('req_1'), decision('req_2')])
  const row = await world.db.decisionRecord.findUniqueOrThrow({ where: { requestId: 'req_1' } })
  assert.deepEqual([row.agentId, row.reason, row.status], [agent.agentId, 'scope_missing', 403])
  assert.deepEqual(row.record, { environment_id: seeded.environmentId, needed: ['orders:delete'], agent: 'eu-1' })
})

test('what does not fit is refused by number, and the rest of the batch is kept', async () => {
  const other = await seed(world.db, 'other')
  const response = await sendLogs([decision('req_3'), decision('bad id'), decision('req_4', other.environmentId)])
  assert.equal(await world.db.decisionRecord.count({ where: { requestId: { in: ['req_3', 'bad id', 'req_4'] } } }), 1)
  // ExportLogsServiceResponse.partial_success.rejected_log_records
  const [partial] = response.$unknown ?? []
  assert.equal(partial?.no, 1)
  const reader = new BinaryReader(new BinaryReader(partial.data).bytes())
  assert.deepEqual(reader.tag()[0], 1)
  assert.equal(Number(reader.int64()), 2)
})

test('records of an environment are kept from the moment its agent group serves it', async () => {
  const { environmentId } = await seed(world.db, 'late')
  await sendLogs([decision('req_6')])
  await sleep(150)
  await world.db.agentGroupEnvironment.create({ data: { groupId: seeded.groupId, environmentId } })
  await sendLogs([decision('req_7', environmentId)])
  assert.equal(await world.db.decisionRecord.count({ where: { requestId: 'req_7' } }), 1)
})

test('a batch that is sent again changes nothing', async () => {
  await sendLogs([decision('req_5')])
  await sendLogs([decision('req_5')])
  assert.equal(await world.db.decisionRecord.count({ where: { requestId: 'req_5' } }), 1)
})

test('requests are added up in their minute', async () => {
  await Promise.all([sendRequests(3, 0.3), sendRequests(2, 0.2), sendRequests(5, 0.5)])
  const rows = await world.db.requestMetric.findMany()
  assert.equal(
    rows.reduce((sum, { requests }) => sum + Number(requests), 0),
    10,
  )
  assert.equal(Math.round(rows.reduce((sum, { durationMsSum }) => sum + durationMsSum, 0)), 1000)
  assert.ok(rows.length <= 2 && rows.every(({ minute }) => minute.getTime() % 60_000 === 0))
})

test('the store keeps the newest records of each environment, and none that is too old', async () => {
  await using receiver = createTelemetryReceiver({
    db: world.db,
    retention: { rowsMax: 100, recordsMs: HOUR_MS, minutesMs: HOUR_MS },
    clock: systemClock,
    log: silentLog,
  })
  const quiet = await seed(world.db, 'quiet')
  const loud = await seed(world.db, 'loud')
  const row = (requestId: string, environmentId: string, ageMs: number) => ({
    requestId,
    environmentId,
    agentId: agent.agentId,
    at: new Date(Date.now() - ageMs),
    allowed: false,
    reason: 'scope_missing',
    status: 403,
    method: 'GET',
    host: '',
    path: '/',
    releaseNumber: 1,
    durationMs: 1,
    record: {},
  })
  const many = Array.from({ length: 250 }, (_, index) => row(`loud_${index}`, loud.environmentId, index * 1000))
  await world.db.decisionRecord.createMany({ data: many })
  await world.db.decisionRecord.createMany({
    data: [row('old', quiet.environmentId, 2 * HOUR_MS), row('new', quiet.environmentId, 0)],
  })
  const gone = await receiver.janitor.clean()
  assert.ok((gone ?? 0) >= 150)
  const left = await world.db.decisionRecord.findMany({ where: { environmentId: loud.environmentId } })
  assert.equal(left.length, 100)
  assert.ok(left.every(({ requestId }) => Number(requestId.slice('loud_'.length)) < 100))
  assert.deepEqual(
    await world.db.decisionRecord.findMany({
      where: { environmentId: quiet.environmentId },
      select: { requestId: true },
    }),
    [{ requestId: 'new' }],
  )
})

test('a janitor that finds another at work leaves it alone', async () => {
  await using receiver = createTelemetryReceiver({
    db: world.db,
    retention: { rowsMax: 100, recordsMs: HOUR_MS, minutesMs: HOUR_MS },
    clock: systemClock,
    log: silentLog,
  })
  await world.db.$transaction(async (tx) => {
    await tx.$executeRaw`select pg_advisory_xact_lock(72707372::bigint)`
    assert.equal(await receiver.janitor.clean(), null)
  })
})

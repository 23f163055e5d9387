import { create } from '@bufbuild/protobuf'
import { type ClientDuplexStream, Metadata, type ServiceError, status } from '@grpc/grpc-js'
import {
  type KeyedCertificate,
  createAuthority,
  createCertificateRequest,
  createPrivateKeyDer,
  issueClientCertificate,
  readCertificateRequest,
} from '@headgate/kit/pki.ts'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import {
  EnrollRequestSchema,
  ExportLogsServiceRequestSchema,
  ExportMetricsServiceRequestSchema,
  LogsService,
  MetricsService,
  RenewRequestSchema,
  type RenewResponse,
  type SubscribeRequest,
  SubscribeRequestSchema,
  type SubscribeResponse,
  createServiceClient,
} from '@headgate/proto'
import assert from 'node:assert/strict'
import { X509Certificate, randomBytes } from 'node:crypto'
import test, { after, before } from 'node:test'
import { agentUri } from './identify.ts'
import {
  type EnrolledAgent,
  type Seeded,
  type TestFleet,
  callOnce,
  enrollDirectly,
  linkClient,
  linkCredentials,
  linkOptions,
  newToken,
  seed,
  startTestFleet,
} from './testing.ts'

const HOUR_MS = 3_600_000
const stack = new AsyncDisposableStack()
let world: TestFleet
let seeded: Seeded

before(async () => {
  const database = stack.use(await createTestDatabase())
  world = stack.use(await startTestFleet(database.url, randomBytes(32)))
  seeded = await seed(world.db, 'acme')
})
after(() => stack.disposeAsync())

async function certificateBy(authority: KeyedCertificate, uri: string, lifeMs = HOUR_MS): Promise<KeyedCertificate> {
  const privateKey = await createPrivateKeyDer()
  const read = await readCertificateRequest(await createCertificateRequest(privateKey))
  if (read.kind === 'invalid') throw new Error(read.problem)
  const { publicKey } = read
  const certificate = await issueClientCertificate(authority, { publicKey, uri, nowMs: Date.now(), lifeMs })
  return { certificate, privateKey }
}

async function enrolled(name: string): Promise<EnrolledAgent> {
  return enrollDirectly(world, await newToken(world, seeded.groupId), name)
}

type Code = status | 'served'

/** How each method that needs an identity answers a caller. */
async function answersTo(
  proof: KeyedCertificate | null,
): Promise<Record<'renew' | 'subscribe' | 'logs' | 'metrics', Code>> {
  const [address, trust] = [`127.0.0.1:${world.fleet.port}`, linkCredentials(world.keys, proof)]
  const fleet = linkClient(world, proof)
  const logs = createServiceClient(LogsService, address, trust, linkOptions)
  const metrics = createServiceClient(MetricsService, address, trust, linkOptions)
  const none = new Metadata()
  const certificateRequest = await createCertificateRequest(await createPrivateKeyDer())
  try {
    return {
      renew: await codeOf((options, done) =>
        fleet.renew(create(RenewRequestSchema, { certificateRequest }), none, options, done),
      ),
      subscribe: await openStream(proof).then((stream) => stream.first),
      logs: await codeOf((options, done) => logs.export(create(ExportLogsServiceRequestSchema), none, options, done)),
      metrics: await codeOf((options, done) =>
        metrics.export(create(ExportMetricsServiceRequestSchema), none, options, done),
      ),
    }
  } finally {
    for (const client of [fleet, logs, metrics]) client.close()
  }
}

async function codeOf(start: Parameters<typeof callOnce>[0]): Promise<Code> {
  return callOnce(start).then(
    () => 'served' as const,
    (error: unknown) => (error as ServiceError).code,
  )
}

interface OpenStream {
  /** What came first: a message, or the end. */
  readonly first: Code
  readonly stream: ClientDuplexStream<SubscribeRequest, SubscribeResponse>
  readonly ended: Promise<{ code: status; details: string }>
}

async function openStream(
  proof: KeyedCertificate | null,
  message: SubscribeRequest['message'] = {
    case: 'hello',
    value: { $typeName: 'headgate.fleet.v1.Hello', capability: 1, version: '', held: [], listeners: [] },
  },
): Promise<OpenStream> {
  const client = linkClient(world, proof)
  const stream = client.subscribe(new Metadata(), {})
  const ended = new Promise<{ code: status; details: string }>((resolve) => {
    stream.on('error', ({ code, details }: ServiceError) => resolve({ code, details }))
    stream.on('end', () => resolve({ code: status.OK, details: '' }))
  })
  void ended.then(() => client.close())
  const served = new Promise<Code>((resolve) => stream.once('data', () => resolve('served')))
  stream.write(create(SubscribeRequestSchema, { message }))
  const first = await Promise.race([served, ended.then(({ code }) => code)])
  if (message.case === 'hello' && first === 'served') stack.defer(() => stream.cancel())
  return { first, stream, ended }
}

const CLOSED = {
  renew: status.UNAUTHENTICATED,
  subscribe: status.UNAUTHENTICATED,
  logs: status.UNAUTHENTICATED,
  metrics: status.UNAUTHENTICATED,
}

test('a caller without a certificate is served nothing but enrollment', async () => {
  assert.deepEqual(await answersTo(null), CLOSED)
})

test('an enrolled agent is served everything', async () => {
  const all = { renew: 'served', subscribe: 'served', logs: 'served', metrics: 'served' }
  assert.deepEqual(await answersTo(await enrolled('everything')), all)
})

test("the certificate of another authority opens nothing, for the same agent's name", async () => {
  const { agentId } = await enrolled('impersonated')
  const other = await createAuthority({ name: 'Headgate agents', nowMs: Date.now(), lifeMs: HOUR_MS })
  assert.deepEqual(await answersTo(await certificateBy(other, agentUri(agentId))), CLOSED)
})

test('a certificate of our authority that does not name an agent opens nothing', async () => {
  for (const uri of ['spiffe://headgate/control-plane', 'spiffe://headgate/agent/', 'spiffe://headgate/agent/agt_x']) {
    assert.deepEqual(await answersTo(await certificateBy(world.keys.agentAuthority, uri)), CLOSED, uri)
  }
})

test("the control plane's own certificate is no client's", async () => {
  assert.deepEqual(await answersTo(world.keys.linkServer), CLOSED)
})

test('an expired certificate opens nothing', async () => {
  const { agentId } = await enrolled('expired')
  assert.deepEqual(await answersTo(await certificateBy(world.keys.agentAuthority, agentUri(agentId), -1_000)), CLOSED)
})

test('a stream ends with the certificate that opened it', async () => {
  const { agentId } = await enrolled('short')
  const open = await openStream(await certificateBy(world.keys.agentAuthority, agentUri(agentId), 1_500))
  assert.equal(open.first, 'served')
  assert.deepEqual(await open.ended, { code: status.UNAUTHENTICATED, details: 'the certificate has expired' })
})

test('a revoked agent is refused everything', async () => {
  const agent = await enrolled('revoked')
  await world.db.agent.update({ where: { id: agent.agentId }, data: { revokedAt: new Date() } })
  const denied = status.PERMISSION_DENIED
  assert.deepEqual(await answersTo(agent), { renew: denied, subscribe: denied, logs: denied, metrics: denied })
})

test('an agent that was deleted is refused everything', async () => {
  const agent = await enrolled('deleted')
  await world.db.agent.delete({ where: { id: agent.agentId } })
  const denied = status.PERMISSION_DENIED
  assert.deepEqual(await answersTo(agent), { renew: denied, subscribe: denied, logs: denied, metrics: denied })
})

test('a renewed certificate is for the same agent and at most 24 hours long', async () => {
  const agent = await enrolled('renewing')
  const client = linkClient(world, agent)
  const certificateRequest = await createCertificateRequest(agent.privateKey)
  const response = await callOnce<RenewResponse>((options, done) =>
    client.renew(create(RenewRequestSchema, { certificateRequest }), new Metadata(), options, done),
  )
  client.close()
  const { subjectAltName, validToDate } = new X509Certificate(response.certificate)
  assert.equal(subjectAltName, `URI:${agentUri(agent.agentId)}`)
  assert.ok(validToDate.getTime() - Date.now() <= 24 * HOUR_MS)
  const { certificateExpiresAt } = await world.db.agent.findUniqueOrThrow({ where: { id: agent.agentId } })
  assert.ok(Math.abs(certificateExpiresAt.getTime() - validToDate.getTime()) < 2_000)
})

// The race that a token which is looked up and then marked would lose.
test('of twenty agents that come with one token at once, one is let in', async () => {
  const joinToken = await newToken(world, seeded.groupId)
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => enrollDirectly(world, joinToken, `race-${index}`)),
  )
  assert.equal(results.filter((result) => result.status === 'fulfilled').length, 1)
  for (const result of results) {
    if (result.status === 'rejected') assert.equal((result.reason as ServiceError).code, status.UNAUTHENTICATED)
  }
  assert.equal(await world.db.agent.count({ where: { name: { startsWith: 'race-' } } }), 1)
})

test('agents that ask for the same name at once get different ones', async () => {
  const tokens = await Promise.all(Array.from({ length: 8 }, () => newToken(world, seeded.groupId)))
  const agents = await Promise.all(tokens.map((joinToken) => enrollDirectly(world, joinToken, 'Same Name!')))
  const names = agents.map(({ agentName }) => agentName).toSorted()
  assert.deepEqual(names, ['same-name', ...[2, 3, 4, 5, 6, 7, 8].map((number) => `same-name-${number}`)])
})

for (const [name, change, code] of [
  ['an unknown secret', { joinSecret: randomBytes(32).toString('base64url') }, status.UNAUTHENTICATED],
  ['an empty secret', { joinSecret: '' }, status.UNAUTHENTICATED],
  ['an empty request for a certificate', { certificateRequest: new Uint8Array() }, status.INVALID_ARGUMENT],
  ['a request for a certificate that is none', { certificateRequest: randomBytes(300) }, status.INVALID_ARGUMENT],
] as const) {
  test(`an enrollment with ${name} is refused and costs no token`, async () => {
    const joinToken = await newToken(world, seeded.groupId)
    const joinSecret = Buffer.from(joinToken.slice(4), 'base64url').subarray(33, 65).toString('base64url')
    const certificateRequest = await createCertificateRequest(await createPrivateKeyDer())
    const request = create(EnrollRequestSchema, { joinSecret, certificateRequest, ...change })
    const client = linkClient(world, null)
    assert.equal(await codeOf((options, done) => client.enroll(request, new Metadata(), options, done)), code)
    client.close()
    await enrollDirectly(world, joinToken, 'after')
  })
}

test('an expired and a revoked token let nobody in, and say why', async () => {
  const expired = await newToken(world, seeded.groupId, -1)
  await assert.rejects(enrollDirectly(world, expired), {
    code: status.UNAUTHENTICATED,
    details: 'the join token has expired',
  })
  const revoked = await newToken(world, seeded.groupId)
  await world.db.joinToken.updateMany({ where: { usedAt: null }, data: { revokedAt: new Date() } })
  await assert.rejects(enrollDirectly(world, revoked), { details: 'the join token was revoked' })
})

test('a newer stream of an agent takes the place of the older one', async () => {
  const agent = await enrolled('twice')
  const older = await openStream(agent)
  const newer = await openStream(agent)
  assert.equal(newer.first, 'served')
  assert.equal((await older.ended).code, status.RESOURCE_EXHAUSTED)
  assert.ok(world.fleet.connectedHere().includes(agent.agentId))
})

for (const [name, message] of [
  ['begins with a pong', { case: 'pong', value: { $typeName: 'headgate.fleet.v1.Pong', pushId: 1n } }],
  ['begins with nothing', { case: undefined }],
  [
    'has no capability',
    {
      case: 'hello',
      value: { $typeName: 'headgate.fleet.v1.Hello', capability: 0, version: '', held: [], listeners: [] },
    },
  ],
] as const satisfies readonly (readonly [string, SubscribeRequest['message']])[]) {
  test(`a stream that ${name} is ended`, async () => {
    const open = await openStream(await enrolled('odd'), message)
    assert.equal((await open.ended).code, status.INVALID_ARGUMENT)
  })
}

test('an outcome for a push that was never sent ends the stream', async () => {
  const open = await openStream(await enrolled('liar'))
  const value = { $typeName: 'headgate.fleet.v1.Outcome' as const, pushId: 999n, accepted: true, reasons: [] }
  open.stream.write(create(SubscribeRequestSchema, { message: { case: 'outcome', value } }))
  assert.equal((await open.ended).code, status.INVALID_ARGUMENT)
})

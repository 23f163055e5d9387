/**
 * What a whole agent tells of the use of credentials, and of bait, received over real OTLP.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ServerCredentials } from '@grpc/grpc-js'
import { caseKey } from '@headgate/core'
import { ApiKeySchema, CredentialState, type Directory } from '@headgate/proto'
import { directoryOf, ENVIRONMENT_ID, keyedRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { DECOY_EVENT, decoyAttributes, USES_EVENT, usesAttributes } from './events.ts'
import { insecureLink, logRecordsOf, startGrpc, type TestReceiver, until } from './testing/receiver.ts'

const QUICK = { logsIntervalMs: 50, metricsIntervalMs: 50 }

/** `abc` is good, `old` was revoked, `bait` is bait. */
function directory(): Directory {
  const known = directoryOf(['abc', 'old', 'bait'])
  const changes: Record<string, object> = { key_old: { state: CredentialState.REVOKED }, key_bait: { decoy: true } }
  return { ...known, apiKeys: known.apiKeys.map((key) => create(ApiKeySchema, { ...key, ...changes[key.id] })) }
}

async function send(agent: TestAgent, alias: string): Promise<{ status: number; requestId: string; body: string }> {
  const key = caseKey('production', alias)
  const { status, field, body } = await sendRaw(
    agent.http,
    `GET /orders?secret=1 HTTP/1.1\r\nHost: api.example.com\r\nX-Api-Key: ${key}\r\n\r\n`,
  )
  return { status, requestId: field('x-request-id') ?? '', body: String(body) }
}

type Event = ReadonlyMap<string, unknown>

/** Attributes of all log records with this event name. */
function eventsOf(receiver: TestReceiver, name: string): Event[] {
  return logRecordsOf(receiver)
    .filter(({ eventName }) => eventName === name)
    .map(({ attributes }) => new Map(attributes.map(({ key, value }) => [key, plain(value?.value)])))
}

function plain(value: unknown): unknown {
  const { case: kind, value: inner } = value as { readonly case: string; readonly value: unknown }
  if (kind !== 'arrayValue') return inner
  return (inner as { readonly values: readonly { readonly value: unknown }[] }).values.map((each) => plain(each.value))
}

test('the control plane is told which credentials are used, from where and when, and of nothing that was refused', async () => {
  await using receiver = await startGrpc(ServerCredentials.createInsecure())
  await using service = await startService()
  await using agent = await startAgent({
    objects: keyedRelease(service.url),
    directory: directory(),
    settings: QUICK,
  })
  const startMs = Date.now()
  for (const alias of ['abc', 'abc', 'old', 'unknown', 'abc']) await send(agent, alias)
  // Notes wait for a control plane.
  agent.app.telemetry.useControlPlane(await insecureLink(receiver))
  await until('the uses', () => eventsOf(receiver, USES_EVENT).length > 0)
  await send(agent, 'abc')
  await until('all records', () => logRecordsOf(receiver).length >= 7)
  const uses = eventsOf(receiver, USES_EVENT)
  assert.equal(uses.length, 1)
  const [use] = uses
  const times = use?.get(usesAttributes.times) as bigint[] | undefined
  assert.deepEqual(
    [usesAttributes.environmentId, usesAttributes.ids, usesAttributes.addresses].map((name) => use?.get(name)),
    [ENVIRONMENT_ID, ['key_abc'], ['127.0.0.1']],
  )
  const at = Number(times?.[0])
  assert.ok(at >= startMs && at <= Date.now(), `${at}`)
  assert.deepEqual(eventsOf(receiver, DECOY_EVENT), [])
})

test('uses that could not be sent are sent when the control plane is back', async () => {
  await using receiver = await startGrpc(ServerCredentials.createInsecure())
  await using service = await startService()
  await using agent = await startAgent({ objects: keyedRelease(service.url), directory: directory(), settings: QUICK })
  receiver.down = true
  agent.app.telemetry.useControlPlane(await insecureLink(receiver))
  await send(agent, 'abc')
  await until('an attempt', () => agent.logged().includes('telemetry cannot be sent'))
  receiver.down = false
  await until('the uses', () => eventsOf(receiver, USES_EVENT).length > 0)
  assert.deepEqual(eventsOf(receiver, USES_EVENT)[0]?.get(usesAttributes.ids), ['key_abc'])
})

// Whoever tries a key that he found must not learn from the answer that it was laid out for him.
test('bait is answered as a revoked key is, and reported at once to the control plane and the collector', async () => {
  await using receiver = await startGrpc(ServerCredentials.createInsecure())
  await using collector = await startGrpc(ServerCredentials.createInsecure())
  await using service = await startService()
  await using agent = await startAgent({
    objects: keyedRelease(service.url),
    directory: directory(),
    settings: { ...QUICK, otlpEndpoint: `http://127.0.0.1:${collector.port}`, otlpProtocol: 'grpc' },
  })
  agent.app.telemetry.useControlPlane(await insecureLink(receiver))
  const revoked = await send(agent, 'old')
  const bait = await send(agent, 'bait')
  await send(agent, 'bait')
  const neutral = ({ body, requestId }: typeof bait): string =>
    body.replaceAll(requestId, '').replaceAll(/0old|bait/g, '')
  assert.deepEqual([bait.status, neutral(bait)], [401, neutral(revoked)])
  for (const each of [receiver, collector]) {
    await until('the report', () => eventsOf(each, DECOY_EVENT).length > 0)
    await until('the records', () => logRecordsOf(each).length >= 4)
    const events = eventsOf(each, DECOY_EVENT)
    assert.equal(events.length, 1)
    assert.deepEqual(
      Object.values(decoyAttributes).map((name) => events[0]?.get(name)),
      [ENVIRONMENT_ID, 'key_bait', '127.0.0.1', bait.requestId],
    )
    assert.deepEqual(eventsOf(each, USES_EVENT), [])
  }
  // And the hash of it is all that anybody has.
  assert.ok(!JSON.stringify(agent.records).includes(hash('sha256', caseKey('production', 'bait'), 'hex')))
})

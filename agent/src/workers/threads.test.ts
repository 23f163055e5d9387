/**
 * An agent whose requests are served by threads of their own.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { caseKey, compile } from '@headgate/core'
import { CredentialState, DirectoryDeltaSchema } from '@headgate/proto'
import { directoryOf, ENVIRONMENT_ID, keyedRelease, openRelease, setRelease } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { startThreads } from '#agent/testing/threads.ts'

const HEAD = 'Host: api.example.com\r\n'
const GET = `GET / HTTP/1.1\r\n${HEAD}\r\n`
const KEYED = `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${caseKey('production', 'abc')}\r\n\r\n`

/** Statuses of requests over so many new connections, which the kernel deals out among threads. */
async function ask(url: string, bytes: string, connections = 24): Promise<readonly number[]> {
  const answers = Array.from({ length: connections }, async () => (await sendRaw(url, bytes)).status)
  return [...new Set(await Promise.all(answers))]
}

test('a release acts on every thread once it is settled, and so does the next one', async () => {
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  assert.deepEqual(await ask(agent.http, GET), [503])
  setRelease(agent.app.live, openRelease(service.url))
  await agent.app.live.settled()
  assert.deepEqual(await ask(agent.http, GET), [200])
  setRelease(agent.app.live, keyedRelease(service.url), { number: 2 })
  await agent.app.live.settled()
  assert.deepEqual(await ask(agent.http, GET), [401])
  agent.app.live.remove(ENVIRONMENT_ID)
  await agent.app.live.settled()
  assert.deepEqual(await ask(agent.http, GET), [503])
})

test('a key that was revoked is refused by the very next request on every thread', async () => {
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  const directory = agent.app.live.directory(ENVIRONMENT_ID)
  setRelease(agent.app.live, keyedRelease(service.url))
  await agent.app.live.settled()
  assert.deepEqual(await ask(agent.http, KEYED), [503])
  directory.replace(directoryOf(['abc']))
  assert.deepEqual(await ask(agent.http, KEYED), [200])
  const [key] = directoryOf(['abc']).apiKeys
  assert.ok(key !== undefined)
  for (const [index, state] of [CredentialState.REVOKED, CredentialState.ACTIVE, CredentialState.REVOKED].entries()) {
    const sequence = { fromSequence: BigInt(index + 1), toSequence: BigInt(index + 2) }
    assert.equal(
      directory.apply(create(DirectoryDeltaSchema, { ...sequence, apiKeys: [{ ...key, state }] })),
      'applied',
    )
    assert.deepEqual(await ask(agent.http, KEYED), [state === CredentialState.ACTIVE ? 200 : 401])
  }
})

test('a limit is one for all threads, and counters and records are those of all', async () => {
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  const spec = { type: 'limit', on: { environment: true }, requests: 10, window_ms: 3_600_000, key: ['address'] }
  setRelease(agent.app.live, [...openRelease(service.url), { kind: 'policy', name: 'ten', spec }])
  await agent.app.live.settled()
  const statuses: number[] = []
  for (let index = 0; index < 24; index++) statuses.push((await sendRaw(agent.http, GET)).status)
  assert.equal(statuses.filter((status) => status === 200).length, 10)
  assert.deepEqual(new Set(statuses), new Set([200, 429]))

  const metrics = await (await fetch(`${agent.app.adminUrl}/metrics`)).text()
  assert.match(metrics, /^headgate_requests_total\{.*reason="allowed".*\} 10$/m)
  assert.match(metrics, /^headgate_requests_total\{.*reason="limit_exceeded".*\} 14$/m)
  assert.equal(agent.records.length, 24)
})

// Everything that compile makes goes to serving threads by structured clone: no functions, no classes of our own.
test('a compiled release survives the way to another thread', () => {
  const objects = [...keyedRelease('http://127.0.0.1:9'), ...openRelease('http://127.0.0.1:9').slice(0, 0)]
  const located = objects.map((object) => ({ ...object, origin: '' }))
  const compiled = compile({ tenant: 'case', environment: 'production', number: 1, objects: located })
  assert.ok(compiled.kind === 'compiled')
  assert.deepEqual(structuredClone(compiled.release), compiled.release)
})

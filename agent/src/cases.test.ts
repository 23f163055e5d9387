/**
 * The decision cases of `core/cases`, sent byte by byte to a real agent over HTTP.
 *
 * What core says in microseconds an agent must say over the wire: status, reason, fields and record.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import {
  type CaseFile,
  caseDifferences,
  caseExpiryMs,
  caseFile,
  caseHeaders,
  caseKey,
  type CaseOutcome,
  type CaseRequest,
} from '@headgate/core'
import { ApiKeySchema, ConsumerSchema, CredentialState, type Directory, DirectorySchema } from '@headgate/proto'
import type { DecisionRecord } from './telemetry/events.ts'
import { ENVIRONMENT_ID, setRelease, startAgent, type TestAgent } from './testing/agent.ts'
import { askHttp2 } from './http2/testing/ask.ts'
import { type RawResponse, sendRaw } from './testing/raw-client.ts'
import { startService } from './testing/service.ts'

const FOLDER = new URL('../../core/cases/', import.meta.url)

const STATES = {
  active: CredentialState.ACTIVE,
  disabled: CredentialState.DISABLED,
  revoked: CredentialState.REVOKED,
} as const

function directoryOf(file: CaseFile): Directory {
  return create(DirectorySchema, {
    environmentId: ENVIRONMENT_ID,
    sequence: 1n,
    consumers: file.consumers.map(({ name, disabled }) =>
      create(ConsumerSchema, { id: `cns_${name}`, name, disabled }),
    ),
    apiKeys: file.api_keys.map(({ alias, consumer, scopes, addresses, state, expires }) => {
      const text = caseKey(file.environment, alias)
      return create(ApiKeySchema, {
        id: `key_${alias}`,
        consumerId: `cns_${consumer}`,
        sha256: hash('sha256', text, 'buffer'),
        scopes,
        addresses,
        state: STATES[state],
        expiresAtMs: BigInt(caseExpiryMs(expires, Date.now())),
        last4: text.slice(-11, -7),
      })
    }),
  })
}

/** All targets lead to the one service of the test. */
function objectsOf(file: CaseFile, url: string): CaseFile['objects'] {
  return file.objects.map((object) =>
    object.kind === 'service' ? { ...object, spec: { ...object.spec, targets: [{ url }] } } : object,
  )
}

type Send = (agent: TestAgent, file: CaseFile, request: CaseRequest) => Promise<RawResponse>

const transports: readonly (readonly [name: string, send: Send])[] = [
  [
    'HTTP/1.1',
    async (agent, file, request) => await sendRaw(agent.http, bytesOf(file, request), request.method, request.address),
  ],
  ['HTTP/2', sendHttp2],
]

async function sendHttp2(agent: TestAgent, file: CaseFile, request: CaseRequest): Promise<RawResponse> {
  const { method, target, host, address } = request
  const fields = caseHeaders(file, request).map(([name, value]) => [name.toLowerCase(), value] as const)
  // `:authority` beside the same `host` is one host, not two.
  const hostName = fields.some(([name]) => name === 'host') ? 'host' : ':authority'
  const list = [':method', method, ':scheme', 'http', ':path', target, hostName, host, ...fields.flat()]
  return await askHttp2(agent.h2c, list, address)
}

function bytesOf(file: CaseFile, request: CaseRequest): string {
  const fields = caseHeaders(file, request).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${request.method} ${request.target} HTTP/1.1\r\nHost: ${request.host}\r\n${fields.join('')}\r\n`
}

/** What the caller saw, with what the record adds that a caller may not see. */
function outcomeOf(response: RawResponse, record: DecisionRecord | undefined): CaseOutcome {
  const allow = response.field('allow')
  const location = response.field('location')
  const tightest = record?.limits[record.tightest]
  return {
    status: response.status,
    reason: response.field('content-type') === 'application/problem+json' ? JSON.parse(response.body).code : 'allowed',
    ...(record !== undefined && {
      ...(record.route !== null && { route: record.route }),
      ...(record.principal !== null && { consumer: record.principal.consumer }),
      ...(record.rule !== null && { rule: `${record.rule.kind}/${record.rule.name}` }),
      needed: [...record.needed],
      had: [...record.had],
    }),
    allow: allow === undefined ? [] : allow.split(', '),
    ...(location !== undefined && { location }),
    ...(tightest !== undefined && { limit_remaining: tightest.remaining }),
  }
}

function checkFields(agent: TestAgent, response: RawResponse, record: DecisionRecord | undefined): void {
  assert.match(response.field('x-request-id') ?? '', /^req_[0-9A-HJKMNP-TV-Z]{26}$/)
  assert.equal(response.field('www-authenticate') !== undefined, response.status === 401)
  assert.equal(response.field('retry-after') !== undefined, response.status === 429)
  assert.equal(response.field('ratelimit') !== undefined, (record?.limits.length ?? 0) > 0)
  assert.equal(agent.records.filter(({ request_id: id }) => id === response.field('x-request-id')).length <= 1, true)
}

let count = 0
for (const name of readdirSync(FOLDER).toSorted()) {
  const file = caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')))
  count += file.requests.length
  for (const [transport, sendOver] of transports) {
    test(`cases/${name} over ${transport}: ${file.about}`, async (t) => {
      await using service = await startService()
      await using agent = await startAgent({ settings: { recordsAllowedPerS: 100_000 } })
      agent.app.live.directory(ENVIRONMENT_ID).replace(directoryOf(file))
      setRelease(agent.app.live, objectsOf(file, service.url), { environment: file.environment })
      for (const request of file.requests) {
        await t.test(request.title, async () => {
          const send = async (): Promise<RawResponse> => await sendOver(agent, file, request)
          for (let time = 1; time < request.repeat; time++) await send()
          const before = service.arrived.length
          const response = await send()
          const record = agent.records.find(({ request_id: id }) => id === response.field('x-request-id'))
          if (response.status === 0) {
            // HTTP/2 knows it as malformed, and has no answer but the end of the stream.
            assert.equal(request.expect.status, 400)
            assert.equal(service.arrived.length, before)
            return
          }
          if (request.method === 'HEAD') {
            // A response to HEAD has no body; the record has the reason.
            assert.equal(response.status, request.expect.status)
            assert.equal(response.field('location'), request.expect.location)
            assert.equal(record?.reason, request.expect.reason)
          } else {
            assert.deepEqual(caseDifferences(request.expect, outcomeOf(response, record)), [])
          }
          checkFields(agent, response, record)
          // What is refused does not reach the service, what is allowed does, once.
          assert.equal(service.arrived.length - before, request.expect.status === 200 ? 1 : 0)
        })
      }
    })
  }
}

test('there are at least 80 cases', () => {
  assert.ok(count >= 80, `${count}`)
})

/**
 * The decision cases of `core/cases`, sent byte by byte to a real agent over HTTP.
 *
 * What core says in microseconds an agent must say over the wire: status, reason, fields and record.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { caseDifferences, caseFile, type CaseOutcome, type CaseRequest } from '@headgate/core'
import { LimitTable } from './limits/table.ts'
import type { DecisionRecord } from './telemetry/events.ts'
import type { TestAgent } from './testing/agent.ts'
import { startCaseAgent } from './testing/case-agent.ts'
import { transports } from './testing/case-transports.ts'
import type { RawResponse } from './testing/raw-client.ts'

const FOLDER = new URL('../../core/cases/', import.meta.url)

/** What cannot be brought about from outside, and why; null: it can. */
function notHere({ host }: CaseRequest, transport: string): string | null {
  return host === null && transport === 'HTTP/2' ? 'this client always names a host' : null
}

/** How many are not run here. Another one is a decision, not an accident. */
const NOT_HERE = 1

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
  // Shadow limits are recorded, and told to nobody.
  assert.equal(response.field('ratelimit') !== undefined, (record?.tightest ?? -1) !== -1)
  assert.equal(agent.records.filter(({ request_id: id }) => id === response.field('x-request-id')).length <= 1, true)
}

let [count, skipped] = [0, 0]
for (const name of readdirSync(FOLDER).toSorted()) {
  const file = caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')))
  count += file.requests.length
  for (const [transport, send] of transports) {
    test(`cases/${name} over ${transport}: ${file.about}`, async (t) => {
      await using started = await startCaseAgent(file)
      const { agent, service, material, clients } = started
      for (const request of file.requests) {
        const skip = notHere(request, transport)
        if (skip !== null) skipped += 1
        await t.test(request.title, { ...(skip !== null && { skip }) }, async ({ mock }) => {
          // As if another thread were always faster.
          if (request.unavailable === 'limits') mock.method(LimitTable.prototype, 'exchange', () => false)
          const sent = material.sent(request, Date.now())
          const client = clients.get(request.client_certificate ?? '')
          for (let time = 1; time < request.repeat; time++) await send(agent, request, sent, client)
          const before = service.arrived.length
          const response = await send(agent, request, sent, client)
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

test('there are at least 200 cases, and hardly one that is not run here', () => {
  assert.ok(count >= 200, `${count}`)
  assert.equal(skipped, NOT_HERE)
})

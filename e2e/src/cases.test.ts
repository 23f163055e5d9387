/**
 * The decision cases of `core/cases`, through a real agent over raw HTTP, and what the control plane says about the
 * same requests afterwards: the stored record and its explanation. core's own tests run the same files.
 *
 * @module
 */
import type { Answer, Client } from '@headgate/admin-api'
import {
  type CaseExpectation,
  type CaseFile,
  type CaseOutcome,
  type CaseRequest,
  caseDifferences,
  caseExpiryMs,
  caseFile,
  caseHeaders,
  caseKey,
} from '@headgate/core'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { after, test } from 'node:test'
import { type ConfigDocument, type Place, orders, release } from './harness/configuration.ts'
import { type RawResponse, send } from './harness/http.ts'
import { sql, withClient } from './harness/postgres.ts'
import { ROOT } from './harness/program.ts'
import { GROUP, SHOP, startStack } from './harness/stack.ts'
import { until } from './harness/until.ts'

const FOLDER = `${ROOT}core/cases/`
const FILES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .toSorted()

const stack = await startStack({ agents: 1, agentEnv: { HEADGATE_RECORDS_ALLOWED_PER_S: '100000' } })
after(() => stack[Symbol.asyncDispose]())
const { client, database, upstream } = stack
const [agent] = stack.agents
assert.ok(agent !== undefined)
await release(
  client,
  SHOP,
  orders(upstream.url).filter(({ kind }) => kind === 'service'),
)

for (const name of FILES) {
  const file = caseFile.parse(JSON.parse(readFileSync(FOLDER + name, 'utf8')))
  const skip = file.tokens.length + file.credentials.length > 0 || /^(?:keys|lim.*un.*)\.json$/.test(name)
  test(`${name}: ${file.about}`, { skip }, async (t) => {
    const place = { tenant: name.replace('.json', ''), environment: file.environment }
    await prepare(place, file)
    const answers: RawResponse[] = []
    for (const request of file.requests) answers.push(await sendCase(file, request))
    for (const [index, request] of file.requests.entries()) {
      const answer = answers[index]
      assert.ok(answer !== undefined)
      await t.test(request.title, () => compare(place, request, answer))
    }
  })
}

/**
 * Makes the environment of a case file live, beside one that has no route: an agent that serves one environment
 * alone could tell whose a request is without looking.
 */
async function prepare(place: Place, file: CaseFile): Promise<void> {
  await client.call('createTenant', { body: { name: place.tenant } })
  const { id } = await client.call('createEnvironment', { params: place, body: { name: 'case' } })
  // Older releases of the product, and other writers, may have other names than REST gives today.
  await sql(database.url, 'update environments set name = $2 where id = $1', [id, place.environment])
  const objects = file.objects.map(({ kind, name, spec }, index) => ({
    kind: kind as ConfigDocument['kind'],
    name,
    // The services of the cases lead nowhere; here they are the service of this test.
    spec: kind === 'service' ? { ...spec, targets: [{ url: upstream.url }] } : spec,
    origin: `case:${index + 1}`,
  }))
  await client.call('applyObjects', { params: place, body: { objects } })
  await createCallers(place, file)
  const { number } = await client.call('publishRelease', { params: place, body: {} })
  const { directory_sequence } = await client.call('getEnvironment', { params: place })
  await client.call('updateAgentGroup', { params: { group: GROUP }, body: { environments: [SHOP, place] } })
  await until(`${place.tenant} to be live`, async () => {
    const { holdings } = await stack.agentInfo('agent-1')
    const held = holdings.find(({ tenant }) => tenant === place.tenant)
    return held?.release_number === number && held.directory_sequence === directory_sequence
  })
}

async function createCallers(place: Place, file: CaseFile): Promise<void> {
  for (const { name } of file.consumers) await client.call('createConsumer', { params: place, body: { name } })
  for (const key of file.api_keys) {
    const { consumer, scopes } = key
    const { id } = await client.call('createKey', { params: place, body: { consumer, create_consumer: true, scopes } })
    const params = { ...place, key: id }
    if (key.state === 'disabled') await client.call('updateKey', { params, body: { disabled: true } })
    if (key.state === 'revoked') await client.call('revokeKey', { params })
    await plantKey(id, caseKey(file.environment, key.alias), key)
  }
  for (const { name, disabled } of file.consumers) {
    if (disabled) await client.call('updateConsumer', { params: { ...place, consumer: name }, body: { disabled } })
  }
}

/** What REST rightly cannot do: a key whose text is known beforehand, one that has ended, one with a broken range. */
async function plantKey(id: string, text: string, { expires, addresses }: CaseFile['api_keys'][number]): Promise<void> {
  const expiresAtMs = caseExpiryMs(expires, Date.now())
  const sha256 = createHash('sha256').update(text).digest()
  // Behind the random part come an underscore and six characters of checksum.
  const last4 = text.slice(-11, -7)
  await withClient(database.url, async (db) => {
    await db.query('begin')
    // The files use the same names, and what a key is must be unique: those before this file are done with.
    await db.query("update api_keys set sha256 = sha256(convert_to(id, 'UTF8')) where sha256 = $1", [sha256])
    await db.query(
      `with raised as (
         update environments set directory_sequence = directory_sequence + 1
         where id = (select environment_id from api_keys where id = $1) returning directory_sequence
       )
       update api_keys set sha256 = $2, last4 = $3, expires_at = $4, addresses = $5,
         sequence = (select directory_sequence from raised)
       where id = $1`,
      [id, sha256, last4, expiresAtMs === 0 ? null : new Date(expiresAtMs), addresses],
    )
    await db.query('commit')
  })
}

async function sendCase(file: CaseFile, request: CaseRequest): Promise<RawResponse> {
  assert.ok(agent !== undefined)
  const host = request.host === null ? [] : [['host', request.host] as const]
  const headers = [...host, ...caseHeaders(file, request)]
  const { method, target, address: from } = request
  let answer: RawResponse | undefined
  for (let sent = 0; sent < request.repeat; sent++) {
    answer = await send({ port: agent.httpPort, method, target, headers, from })
  }
  assert.ok(answer !== undefined)
  return answer
}

async function compare(place: Place, request: CaseRequest, answer: RawResponse): Promise<void> {
  const { expect } = request
  const overHttp = seenOverHttp(request, answer)
  assert.deepEqual(differences(expect, overHttp), [], 'over HTTP')

  const requestId = answer.header('x-request-id')
  assert.match(requestId ?? '', /^req_[0-9A-Z]{26}$/)
  // Before a host is known, a request belongs to no environment: nobody but the agent's own log can have it.
  if (expect.reason === 'host_missing' || expect.reason === 'host_invalid') return
  const params = { ...place, request_id: requestId ?? '' }
  const record = await until(`the record of ${requestId}`, () => client.call('getDecision', { params }), {
    timeoutMs: 4_000,
  })
  assert.deepEqual(differences(expect, seenByOperators(record, expect)), [], 'in the stored record')

  const explanation = await explain(client, place, requestId ?? '')
  assert.deepEqual(differences(expect, seenByOperators(explanation, expect)), [], 'in the explanation')
  assert.equal(explanation.agrees, true, 'the evaluator agrees with the agent')
  assert.equal(
    explanation.gates.filter((gate) => gate.outcome === 'stopped').length,
    expect.reason === 'allowed' ? 0 : 1,
  )
}

function explain(operator: Client, place: Place, requestId: string): Promise<Answer<'explain'>> {
  return operator.call('explain', { params: place, body: { request_id: requestId } })
}

/** What a caller can see; the names of rules are none of it. */
function seenOverHttp({ method, expect }: CaseRequest, answer: RawResponse): CaseOutcome {
  const remaining = /;r=([0-9]+)/.exec(answer.header('ratelimit') ?? '')?.[1]
  const refused = answer.header('content-type') === 'application/problem+json'
  // The answer to HEAD has no body, and so no code.
  const reason =
    method === 'HEAD'
      ? expect.reason
      : refused
        ? (answer.json() as { code: CaseExpectation['reason'] }).code
        : 'allowed'
  return {
    status: answer.status,
    reason,
    ...(answer.header('allow') !== undefined && { allow: answer.header('allow')?.split(', ') ?? [] }),
    ...(answer.header('location') !== undefined && { location: answer.header('location') }),
    ...(remaining !== undefined && { limit_remaining: Number(remaining) }),
  }
}

type Recorded = Pick<
  Answer<'getDecision'>,
  'status' | 'reason' | 'route' | 'principal' | 'rule' | 'needed' | 'had' | 'limits' | 'tightest'
>

function seenByOperators(record: Recorded, expect: CaseExpectation): CaseOutcome {
  const { status, route, principal, rule, needed, had } = record
  const remaining = record.limits[record.tightest]?.remaining
  return {
    status,
    reason: record.reason as CaseExpectation['reason'],
    ...(route !== null && { route }),
    ...(principal !== null && { consumer: principal.consumer }),
    ...(rule !== null && { rule: `${rule.kind}/${rule.name}` }),
    needed,
    had,
    // Methods are in the answer only.
    ...(expect.allow !== undefined && { allow: expect.allow }),
    ...(remaining !== undefined && { limit_remaining: remaining }),
  }
}

/** Compares the fields that are expected and can be seen. */
function differences(expect: CaseExpectation, outcome: CaseOutcome): readonly string[] {
  const always: readonly string[] = ['status', 'reason', 'limit_remaining']
  const fields = Object.keys(expect) as (keyof CaseExpectation)[]
  return caseDifferences(
    expect,
    outcome,
    fields.filter((field) => field in outcome || always.includes(field)),
  )
}

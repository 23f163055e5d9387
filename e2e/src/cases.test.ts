/**
 * The decision cases of `core/cases`, through a real agent over raw HTTP, and what the control plane says about the
 * same requests afterwards: the stored record and its explanation. core's own tests run the same files.
 *
 * @module
 */
import type { Answer, Client } from '@headgate/admin-api'
import {
  type CaseCredential,
  type CaseExpectation,
  type CaseFile,
  type CaseOutcome,
  type CaseRequest,
  type CertificateIdentity,
  caseDifferences,
  caseExpiryMs,
  caseFile,
  caseKey,
} from '@headgate/core'
import type { CaseMaterial } from '@headgate/core/testing/case-material.ts'
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { after, test } from 'node:test'
import { type CaseStage, caseAgentEnv, secretName, startCaseWorld } from './harness/case-world.ts'
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
  .map((name): readonly [string, CaseFile] => [name, caseFile.parse(JSON.parse(readFileSync(FOLDER + name, 'utf8')))])

const stack = await startStack({
  agents: 1,
  agentEnv: { HEADGATE_RECORDS_ALLOWED_PER_S: '100000', ...caseAgentEnv(FILES.map(([, file]) => file)) },
})
after(() => stack[Symbol.asyncDispose]())
const { client, database, upstream } = stack
const world = await startCaseWorld(stack.directory, upstream.url)
after(() => world[Symbol.asyncDispose]())
const [agent] = stack.agents
assert.ok(agent !== undefined)
await release(
  client,
  SHOP,
  orders(upstream.url).filter(({ kind }) => kind === 'service'),
)

/** What one agent for all files cannot bring about, and why; null: it can. */
function notHere(file: CaseFile, { unavailable }: CaseRequest): string | null {
  if (unavailable !== undefined) return 'counters in memory always answer'
  return file.bad_credentials_max === undefined ? null : 'this agent locks nobody out: its files share addresses'
}

/** How many are not run here. Another one is a decision, not an accident. */
const NOT_HERE = 5
let skipped = 0

for (const [name, file] of FILES) {
  test(`${name}: ${file.about}`, async (t) => {
    const place = { tenant: name.replace('.json', ''), environment: file.environment }
    const stage = await world.stage(file)
    await prepare(place, file, stage)
    const answers: (RawResponse | null)[] = []
    for (const request of file.requests) {
      answers.push(notHere(file, request) === null ? await sendCase(request, stage) : null)
    }
    for (const [index, request] of file.requests.entries()) {
      const answer = answers[index]
      if (answer === null) skipped += 1
      const skip = notHere(file, request)
      await t.test(request.title, { ...(skip !== null && { skip }) }, async () => {
        assert.ok(answer !== undefined && answer !== null)
        await compare(place, request, answer)
      })
    }
  })
}

test('hardly a case is not run here', () => {
  assert.equal(skipped, NOT_HERE)
})

/**
 * Makes the environment of a case file live, beside one that has no route: an agent that serves one environment
 * alone could tell whose a request is without looking.
 */
async function prepare(place: Place, file: CaseFile, stage: CaseStage): Promise<void> {
  await client.call('createTenant', { body: { name: place.tenant } })
  const { id } = await client.call('createEnvironment', {
    params: place,
    body: { name: 'case', default_limits: false },
  })
  // Older releases of the product, and other writers, may have other names than REST gives today.
  await sql(database.url, 'update environments set name = $2 where id = $1', [id, place.environment])
  const objects = stage.objects.map(({ kind, name, spec }, index) => ({
    kind: kind as ConfigDocument['kind'],
    name,
    spec,
    origin: `case:${index + 1}`,
  }))
  await client.call('applyObjects', { params: place, body: { objects } })
  await createCallers(place, file, stage)
  const { number } = await client.call('publishRelease', { params: place, body: {} })
  const { directory_sequence } = await client.call('getEnvironment', { params: place })
  await client.call('updateAgentGroup', { params: { group: GROUP }, body: { environments: [SHOP, place] } })
  await until(`${place.tenant} to be live`, async () => {
    const { holdings } = await stack.agentInfo('agent-1')
    const held = holdings.find(({ tenant }) => tenant === place.tenant)
    return held?.release_number === number && held.directory_sequence === directory_sequence
  })
  const overTls = file.requests.find(({ scheme }) => scheme === 'https')
  // A certificate is read from its file once the release is live.
  if (overTls !== undefined) await until('the certificate to be presented', () => isPresented(overTls, stage))
}

async function isPresented({ host }: CaseRequest, { tls }: CaseStage): Promise<boolean> {
  assert.ok(agent !== undefined)
  try {
    await send({ port: agent.httpsPort, headers: [['host', host ?? '']], tls: tls(host ?? '', undefined) })
    return true
  } catch {
    return false
  }
}

async function createCallers(place: Place, file: CaseFile, { material }: CaseStage): Promise<void> {
  const known = new Set(file.objects.filter(({ kind }) => kind === 'role').map(({ name }) => name))
  for (const consumer of file.consumers) {
    // The directory may have roles that no release has; REST does not give them.
    const roles = consumer.roles.filter((role) => known.has(role))
    await client.call('createConsumer', { params: place, body: { name: consumer.name, roles } })
  }
  for (const key of file.api_keys) {
    const { consumer, scopes, limits, decoy } = key
    const body = { consumer, create_consumer: true, scopes, limits, decoy }
    const { id } = await client.call('createKey', { params: place, body })
    const params = { ...place, key: id }
    if (key.state === 'disabled') await client.call('updateKey', { params, body: { disabled: true } })
    if (key.state === 'revoked') await client.call('revokeKey', { params })
    await plantKey(id, caseKey(file.environment, key.alias), key)
  }
  for (const credential of file.credentials) await createCredential(place, credential, material)
  for (const { name, disabled } of file.consumers) {
    if (disabled) await client.call('updateConsumer', { params: { ...place, consumer: name }, body: { disabled } })
  }
  for (const { source, consumer, expires } of file.bans) {
    const who = source === undefined ? { consumer } : { source }
    const { id } = await client.call('createBan', { params: place, body: { ...who, reason: 'corpus' } })
    if (expires !== undefined) await endAt('bans', id, caseExpiryMs(expires, Date.now()))
  }
}

/** Writes an end that REST does not give, because it has passed. */
async function endAt(table: 'bans' | 'credentials', id: string, endMs: number): Promise<void> {
  await sql(
    database.url,
    `with raised as (
       update environments set directory_sequence = directory_sequence + 1
       where id = (select environment_id from ${table} where id = $1) returning directory_sequence
     )
     update ${table} set expires_at = $2, sequence = (select directory_sequence from raised) where id = $1`,
    [id, new Date(endMs)],
  )
}

async function createCredential(place: Place, credential: CaseCredential, material: CaseMaterial): Promise<void> {
  const { consumer, scopes, addresses, state, expires } = credential
  const body = { ...proofOf(credential, material), consumer, scopes, addresses }
  const { id } = await client.call('createCredential', { params: place, body })
  const params = { ...place, credential: id }
  if (state === 'disabled') await client.call('updateCredential', { params, body: { disabled: true } })
  if (state === 'revoked') await client.call('revokeCredential', { params })
  if (expires === undefined) return
  await endAt('credentials', id, caseExpiryMs(expires, Date.now()))
}

function proofOf(credential: CaseCredential, material: CaseMaterial) {
  const { alias, certificate, signing_key: algorithm } = credential
  if (certificate !== undefined) {
    const colon = certificate.indexOf(':')
    const kind = certificate.slice(0, colon) as CertificateIdentity
    return { kind: 'certificate', identity: { kind, value: certificate.slice(colon + 1) } } as const
  }
  const key = { kind: 'signing_key', key_id: alias } as const
  return algorithm === 'ed25519'
    ? { ...key, algorithm, public_key: material.publicKey(credential) }
    : { ...key, algorithm: 'hmac-sha256' as const, secret: `env://${secretName(alias)}` }
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

async function sendCase(request: CaseRequest, { material, tls }: CaseStage): Promise<RawResponse> {
  assert.ok(agent !== undefined)
  const { method, host, address: from, scheme, client_certificate: alias } = request
  const { target, headers } = material.sent(request, Date.now())
  const named = host === null ? [] : [['host', host] as const]
  const over = scheme === 'https' ? { port: agent.httpsPort, tls: tls(host ?? '', alias) } : { port: agent.httpPort }
  let answer: RawResponse | undefined
  for (let sent = 0; sent < request.repeat; sent++) {
    answer = await send({ ...over, method, target, headers: [...named, ...headers], from })
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
    timeoutMs: 30_000,
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

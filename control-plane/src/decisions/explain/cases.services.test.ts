/**
 * The corpus of decision cases (`core/cases`), through explain: the third of its three runners.
 *
 * Every request runs through the simulation with counters that its file shares, as on an agent; and once more over REST,
 * where limits are fresh, unless its expectation is about a limit.
 */
import type { Explanation } from '@headgate/admin-api'
import {
  type CaseCredential,
  type CaseFile,
  type CaseOutcome,
  type CaseRequest,
  apiKeyHint,
  caseDifferences,
  caseExpiryMs,
  caseFile,
  caseKey,
  caseOutcome,
  compile,
  memoryStore,
} from '@headgate/core'
import { type CaseMaterial, type SentCase, caseMaterial } from '@headgate/core/testing/case-material.ts'
import { casePeer } from '@headgate/core/testing/case-ports.ts'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import test, { after, before } from 'node:test'
import type { EnvironmentScope } from '#control-plane/db.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { loadLive } from '#control-plane/releases/content.ts'
import { insertBan } from '#control-plane/resources/bans/store.ts'
import { insertConsumer, updateConsumer } from '#control-plane/resources/consumers/store.ts'
import { type Proof, insertCredential, updateCredential } from '#control-plane/resources/credentials/store.ts'
import { hashKey } from '#control-plane/resources/keys/create.ts'
import { insertKey, updateKey } from '#control-plane/resources/keys/store.ts'
import { insertEnvironment } from '#control-plane/resources/tenants/store.ts'
import { simulate } from './simulated.ts'

const FOLDER = new URL('../../../../core/cases/', import.meta.url)

let controlPlane: TestControlPlane

before(async () => {
  controlPlane = await startControlPlane()
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

let [requests, notHere, notOverRest] = [0, 0, 0]

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.json'))) {
  const file = caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')))

  test(`explain agrees with every case of ${name}: ${file.about}`, async (context) => {
    const material = caseMaterial(file, { nowMs: Date.now() })
    const { scope, credentials } = await publish(name.replace('.json', ''), file, material)
    const counters = memoryStore(() => Date.now())
    const { objects } = await loadLive(controlPlane.app.db, scope)
    const compiled = compile({ tenant: scope.tenantName, environment: scope.environmentName, number: 1, objects })
    assert.ok(compiled.kind === 'compiled')
    const { release } = compiled
    // Aliases give the same key in every file, and a key exists once.
    context.after(() => controlPlane.app.db.apiKey.deleteMany({ where: { environmentId: scope.environmentId } }))
    for (const request of file.requests) {
      if (cannotBeThought(request)) {
        notHere += 1
        continue
      }
      requests += 1
      const simulated = simulatedRequest(request, material.sent(request, Date.now()))
      const expected = request.explained ?? request.expect
      let outcome: CaseOutcome = {}
      for (let time = 0; time < request.repeat; time += 1) {
        const { decision } = await simulate({
          db: controlPlane.app.db,
          environment: scope,
          release,
          request: simulated,
          nowMs: Date.now(),
          counters,
          peer: casePeer(file, request, release, Date.now()),
        })
        outcome = caseOutcome(decision)
      }
      assert.deepEqual(caseDifferences(expected, outcome), [], request.title)
      if (expected.reason === 'limit_exceeded' || expected.limit_remaining !== undefined) continue
      const given = overRest(file, request, simulated, credentials)
      if (given === null) {
        notOverRest += 1
        continue
      }
      const explanation = await controlPlane.owner.client.call('explain', {
        params: { tenant: scope.tenantName, environment: scope.environmentName },
        body: { request: given },
      })
      const { location: _, ...expect } = expected
      assert.deepEqual(caseDifferences(expect, outcomeOf(explanation)), [], `${request.title}, over REST`)
      checkRail(explanation, request.title)
    }
  })
}

test('the corpus was found, and hardly a case is not thought here', () => {
  assert.ok(requests >= 400, `${requests} requests`)
  // A request without a host, and counters that do not answer.
  assert.equal(notHere, 2)
  // A header that is longer than a simulated one may be, and certificates that nobody has or that a token is bound to.
  assert.equal(notOverRest, 9)
})

/** A simulated request always has a host, and its counters always answer. */
function cannotBeThought({ host, unavailable }: CaseRequest): boolean {
  return host === null || unavailable !== undefined
}

const HEADER_LENGTH_MAX = 8_192

/** @returns null for what the admin API has no words for. */
function overRest(
  { client_certificates: certificates }: CaseFile,
  { client_certificate: alias, headers }: CaseRequest,
  simulated: ReturnType<typeof simulatedRequest>,
  credentials: ReadonlyMap<string, string>,
) {
  if (simulated.headers.some(({ value }) => value.length > HEADER_LENGTH_MAX)) return null
  const certificate = certificates.find((each) => each.alias === alias)
  if (certificate === undefined) return simulated
  const id = credentials.get(`uri:${certificate.uri}`)
  return id === undefined || !certificate.trusted || headers.length > 0 ? null : { ...simulated, as_credential: id }
}

/** Seven gates in one order: passed ones, at most one that stopped, then those that were not reached. */
function checkRail({ gates, outcome, fixes, reason }: Explanation, title: string): void {
  const shape = gates.map((gate) => gate.outcome[0]).join('')
  assert.match(shape, outcome === 'allow' ? /^p{6}n$/ : /^p*sn*$/, `${title}: ${shape}`)
  assert.equal(fixes.length > 0, outcome === 'deny', `${title}: a refusal (${reason}) names what would help`)
}

function simulatedRequest({ method, scheme, host, address }: CaseRequest, { target, headers }: SentCase) {
  const fields = headers.map(([name, value]) => ({ name, value }))
  return {
    method,
    scheme,
    host: 'unused',
    target,
    address,
    headers: [{ name: 'host', value: host ?? '' }, ...fields],
  }
}

/** What an explanation says, in the words of the corpus. `Allow` and `Location` are matters of the answer on the wire. */
function outcomeOf(explanation: Explanation): CaseOutcome {
  const { status, reason, route, principal, rule, needed, had } = explanation
  return {
    status,
    reason: reason as NonNullable<CaseOutcome['reason']>,
    ...(route !== null && { route }),
    ...(principal !== null && { consumer: principal.consumer }),
    ...(rule !== null && { rule: `${rule.kind}/${rule.name}` }),
    needed,
    had,
    ...(reason === 'method_not_allowed' && { allow: needed }),
  }
}

interface Published {
  readonly scope: EnvironmentScope
  /** Ids of credentials, by what they are found by. */
  readonly credentials: ReadonlyMap<string, string>
}

/** The file's objects as a live release, its callers as rows: the texts of keys are given by the corpus. */
async function publish(tenant: string, file: CaseFile, material: CaseMaterial): Promise<Published> {
  const { db } = controlPlane.app
  const { client } = controlPlane.owner
  const created = await client.call('createTenant', { body: { name: tenant } })
  const tenantScope = { tenantId: created.id, tenantName: tenant }
  // Past REST: names in the corpus may hold what only old environments have.
  const environment = await insertEnvironment(
    db,
    tenantScope,
    { name: file.environment, stage: 'production' },
    Date.now(),
  )
  const scope = { ...tenantScope, environmentId: environment.id, environmentName: file.environment }
  const params = { tenant, environment: file.environment }
  const objects = material.objects.map((object) => ({ ...object, kind: object.kind as 'service' }))
  await client.call('applyObjects', { params, body: { objects } })
  await client.call('publishRelease', { params, body: {} })
  const ids = new Map<string, string>()
  for (const { name, roles, disabled } of file.consumers) {
    const { id } = await insertConsumer(db, scope, { name, roles, sequence: 1n }, Date.now())
    if (disabled) await updateConsumer(db, scope, id, { disabled: true, sequence: 1n })
    ids.set(name, id)
  }
  for (const key of file.api_keys) await createKey(scope, file, key, ids.get(key.consumer) ?? '')
  const credentials = new Map<string, string>()
  for (const credential of file.credentials) {
    const { consumer, certificate, alias } = credential
    const id = await createCredential(scope, material, credential, ids.get(consumer) ?? '')
    credentials.set(certificate ?? alias, id)
  }
  for (const { source = null, consumer, expires } of file.bans) {
    const expiryMs = caseExpiryMs(expires, Date.now())
    const expiresAt = expiryMs === 0 ? null : new Date(expiryMs)
    const written = { source, consumerId: ids.get(consumer ?? '') ?? null, reason: 'corpus', expiresAt, sequence: 1n }
    await insertBan(db, scope, { ...written, createdBy: 'corpus' }, Date.now())
  }
  return { scope, credentials }
}

async function createKey(
  scope: EnvironmentScope,
  { environment }: CaseFile,
  key: CaseFile['api_keys'][number],
  consumerId: string,
): Promise<void> {
  const { db } = controlPlane.app
  const text = caseKey(environment, key.alias)
  const expiryMs = caseExpiryMs(key.expires, Date.now())
  const { scopes, addresses, limits, decoy } = key
  const { id } = await insertKey(
    db,
    scope,
    {
      consumerId,
      sha256: hashKey(text),
      last4: apiKeyHint(text.slice(-11, -7)).slice(1),
      name: key.alias,
      scopes,
      addresses,
      limits,
      decoy,
      expiresAt: expiryMs === 0 ? null : new Date(expiryMs),
      sequence: 1n,
      createdBy: 'corpus',
    },
    Date.now(),
  )
  if (key.state !== 'active') await updateKey(db, scope, id, { state: key.state, sequence: 1n })
}

async function createCredential(
  scope: EnvironmentScope,
  material: CaseMaterial,
  credential: CaseCredential,
  consumerId: string,
): Promise<string> {
  const { db } = controlPlane.app
  const { alias, certificate, signing_key: algorithm, scopes, addresses, state, expires } = credential
  const expiryMs = caseExpiryMs(expires, Date.now())
  const key = { kind: 'signing_key', subject: alias } as const
  const proof: Proof =
    certificate !== undefined
      ? { kind: 'certificate', subject: certificate }
      : algorithm === 'ed25519'
        ? { ...key, algorithm, publicKey: material.publicKey(credential) }
        : { ...key, algorithm: 'hmac-sha256', secret: 'env://SECRET' }
  const expiresAt = expiryMs === 0 ? null : new Date(expiryMs)
  const written = { proof, consumerId, name: alias, scopes, addresses, expiresAt, sequence: 1n, createdBy: 'corpus' }
  const { id } = await insertCredential(db, scope, written, Date.now())
  if (state !== 'active') await updateCredential(db, scope, id, { state, sequence: 1n })
  return id
}

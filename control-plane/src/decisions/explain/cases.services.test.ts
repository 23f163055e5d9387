/**
 * The corpus of decision cases (`core/cases`), through explain: the third of its three runners.
 *
 * Every request runs through the simulation with counters that its file shares, as on an agent; and once more over REST,
 * where limits are fresh, unless its expectation is about a limit.
 */
import type { Explanation } from '@headgate/admin-api'
import {
  type CaseFile,
  type CaseOutcome,
  type CaseRequest,
  apiKeyHint,
  caseDifferences,
  caseExpiryMs,
  caseFile,
  caseHeaders,
  caseKey,
  caseOutcome,
  compile,
} from '@headgate/core'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import test, { after, before } from 'node:test'
import type { EnvironmentScope } from '#control-plane/db.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { loadLive } from '#control-plane/releases/content.ts'
import { insertConsumer, updateConsumer } from '#control-plane/resources/consumers/store.ts'
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

let requests = 0

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.json'))) {
  const file = caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')))

  // What these files are about is not simulated yet.
  const skip = file.tokens.length + file.credentials.length > 0 || /^(?:keys|lim.*un.*)\.json$/.test(name)
  test(`explain agrees with every case of ${name}: ${file.about}`, { skip }, async (context) => {
    const scope = await publish(name.replace('.json', ''), file)
    const counters = new Map<string, number>()
    const { objects } = await loadLive(controlPlane.app.db, scope)
    const compiled = compile({ tenant: scope.tenantName, environment: scope.environmentName, number: 1, objects })
    assert.equal(compiled.kind, 'compiled')
    // Aliases give the same key in every file, and a key exists once.
    context.after(() => controlPlane.app.db.apiKey.deleteMany({ where: { environmentId: scope.environmentId } }))
    for (const request of file.requests) {
      // A simulated request always has a host.
      if (request.host === null) continue
      requests += 1
      const simulated = simulatedRequest(file, request)
      let outcome: CaseOutcome = {}
      for (let time = 0; time < request.repeat; time += 1) {
        const { decision } = await simulate({
          db: controlPlane.app.db,
          environment: scope,
          release: compiled.kind === 'compiled' ? compiled.release : null,
          request: simulated,
          nowMs: Date.now(),
          counters,
        })
        outcome = caseOutcome(decision)
      }
      assert.deepEqual(caseDifferences(request.expect, outcome), [], request.title)
      if (request.expect.reason === 'limit_exceeded' || request.expect.limit_remaining !== undefined) continue
      const explanation = await controlPlane.owner.client.call('explain', {
        params: { tenant: scope.tenantName, environment: scope.environmentName },
        body: { request: simulated },
      })
      const { location: _, ...expect } = request.expect
      assert.deepEqual(caseDifferences(expect, outcomeOf(explanation)), [], `${request.title}, over REST`)
      checkRail(explanation, request.title)
    }
  })
}

test('the corpus was found', () => {
  assert.ok(requests >= 60, `${requests} requests`)
})

/** Seven gates in one order: passed ones, at most one that stopped, then those that were not reached. */
function checkRail({ gates, outcome, fixes, reason }: Explanation, title: string): void {
  const shape = gates.map((gate) => gate.outcome[0]).join('')
  assert.match(shape, outcome === 'allow' ? /^p{6}n$/ : /^p*sn*$/, `${title}: ${shape}`)
  assert.equal(fixes.length > 0, outcome === 'deny', `${title}: a refusal (${reason}) names what would help`)
}

function simulatedRequest(file: CaseFile, request: CaseRequest) {
  const headers = caseHeaders(file, request).map(([name, value]) => ({ name, value }))
  return {
    method: request.method,
    scheme: 'http' as const,
    host: 'unused',
    target: request.target,
    address: request.address,
    headers: [{ name: 'host', value: request.host ?? '' }, ...headers],
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

/** The file's objects as a live release, its consumers and keys as rows: their texts are given by the corpus. */
async function publish(tenant: string, file: CaseFile): Promise<EnvironmentScope> {
  const { db } = controlPlane.app
  const { client } = controlPlane.owner
  const created = await client.call('createTenant', { body: { name: tenant } })
  const tenantScope = { tenantId: created.id, tenantName: tenant }
  // Past REST: names in the corpus may hold what only old environments have.
  const environment = await insertEnvironment(db, tenantScope, file.environment, Date.now())
  const scope = { ...tenantScope, environmentId: environment.id, environmentName: file.environment }
  const params = { tenant, environment: file.environment }
  const objects = file.objects.map((object) => ({ ...object, kind: object.kind as 'service' }))
  await client.call('applyObjects', { params, body: { objects } })
  await client.call('publishRelease', { params, body: {} })
  const ids = new Map<string, string>()
  for (const consumer of file.consumers) {
    const { id } = await insertConsumer(db, scope, { name: consumer.name, roles: [], sequence: 1n }, Date.now())
    if (consumer.disabled) await updateConsumer(db, scope, id, { disabled: true, sequence: 1n })
    ids.set(consumer.name, id)
  }
  for (const key of file.api_keys) {
    const text = caseKey(file.environment, key.alias)
    const expiryMs = caseExpiryMs(key.expires, Date.now())
    const { id } = await insertKey(
      db,
      scope,
      {
        consumerId: ids.get(key.consumer) ?? '',
        sha256: hashKey(text),
        last4: apiKeyHint(text.slice(-11, -7)).slice(1),
        name: key.alias,
        scopes: key.scopes,
        addresses: key.addresses,
        limits: [],
        decoy: false,
        expiresAt: expiryMs === 0 ? null : new Date(expiryMs),
        sequence: 1n,
        createdBy: 'corpus',
      },
      Date.now(),
    )
    if (key.state !== 'active') await updateKey(db, scope, id, { state: key.state, sequence: 1n })
  }
  return scope
}

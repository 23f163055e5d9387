import type { DecisionRecord } from '@headgate/admin-api'
import {
  type CaseFile,
  type CaseRequest,
  type CompiledRelease,
  type Decision,
  type DecisionPorts,
  caseFile,
  compile,
} from '@headgate/core'
import { type SentCase, caseMaterial } from '@headgate/core/testing/case-material.ts'
import { casePeer, casePorts } from '@headgate/core/testing/case-ports.ts'
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import test from 'node:test'
import { type Evaluation, evaluate, requestHead } from './evaluate.ts'
import { replay } from './recorded.ts'

const FOLDER = new URL('../../../../core/cases/', import.meta.url)
const NOW_MS = 1_800_000_000_000

for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.json'))) {
  const file = caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')))

  test(`a record of every case of ${name} leads the evaluator to the recorded outcome`, async () => {
    const material = caseMaterial(file, { nowMs: NOW_MS })
    const release = compileObjects(material.objects, file.environment)
    const ports = casePorts(file, release, material, NOW_MS)
    for (const request of file.requests) {
      const sent = material.sent(request, NOW_MS)
      const decideOnce = (): Promise<Evaluation> => decideCase(file, request, sent, release, ports)
      let evaluation = await decideOnce()
      for (let time = 1; time < request.repeat; time += 1) evaluation = await decideOnce()
      const record = recordOf(request, evaluation)
      const replayed = await replay(release, file.environment, record)
      assert.equal(
        replayed.agrees,
        true,
        `${request.title}: ${record.reason} became ${replayed.evaluation.decision.reason}`,
      )
    }
  })
}

const allowed: DecisionRecord = {
  request_id: 'req_1',
  at: new Date(NOW_MS).toISOString(),
  environment: 'dev',
  agent: 'local-1',
  release: 1,
  outcome: 'allow',
  reason: 'allowed',
  status: 200,
  method: 'GET',
  host: 'localhost',
  path: '/a',
  scheme: 'http',
  address: '127.0.0.1',
  peer_address: '127.0.0.1',
  route: 'a',
  service: 's',
  rule: null,
  needed: [],
  had: [],
  principal: null,
  certificate: null,
  limits: [],
  tightest: -1,
  tls: null,
  duration_ms: 1,
  upstream: null,
}

const openRelease = compileObjects([
  { kind: 'service', name: 's', spec: { owner: 'team', targets: [{ url: 'http://127.0.0.1:9' }] } },
  { kind: 'route', name: 'a', spec: { service: 's', path: '/a' } },
  {
    kind: 'policy',
    name: 'p',
    spec: { type: 'access', on: { environment: true }, public: { owner: 'team', reason: 'test' } },
  },
])

test('a record that the evaluator would decide otherwise does not agree', async () => {
  assert.equal((await replay(openRelease, 'dev', allowed)).agrees, true)
  for (const wrong of [
    { outcome: 'deny' as const, reason: 'scope_missing', status: 403 },
    { route: 'other' },
    { path: '/b' },
    { outcome: 'deny' as const, reason: 'a_reason_of_another_version', status: 403 },
  ]) {
    assert.equal((await replay(openRelease, 'dev', { ...allowed, ...wrong })).agrees, false, JSON.stringify(wrong))
  }
})

test('a service that failed afterwards is no disagreement', async () => {
  const failed = { ...allowed, outcome: 'deny' as const, reason: 'upstream_timeout', status: 504 }
  assert.equal((await replay(openRelease, 'dev', failed)).agrees, true)
})

test('a request before the first release agrees with "not ready"', async () => {
  const early = {
    ...allowed,
    outcome: 'deny' as const,
    reason: 'not_ready',
    status: 503,
    release: 0,
    route: null,
    service: null,
  }
  assert.equal((await replay(null, 'dev', early)).agrees, true)
})

function compileObjects(
  objects: readonly { kind: string; name: string; spec: unknown }[],
  environment = 'dev',
): CompiledRelease {
  const compiled = compile({
    tenant: 't',
    environment,
    number: 1,
    objects: objects.map((object) => ({ ...object, origin: '' })),
  })
  if (compiled.kind === 'refused') throw new Error('the objects do not compile')
  return compiled.release
}

/** As an agent decides it. */
function decideCase(
  file: CaseFile,
  request: CaseRequest,
  sent: SentCase,
  release: CompiledRelease,
  ports: DecisionPorts,
): Promise<Evaluation> {
  const { method, scheme, address, host } = request
  const fields = sent.headers.map(([name, value]) => ({ name, value }))
  const peer = casePeer(file, request, release, NOW_MS)
  return evaluate(
    release,
    requestHead({ method, target: sent.target, scheme, address, peer }, [
      ...(host === null ? [] : [{ name: 'host', value: host }]),
      ...fields,
    ]),
    request.unavailable === 'limits' ? { ...ports, take: () => ({ kind: 'unavailable' }) } : ports,
  )
}

/** As an agent records it: without query, fields and credential. */
function recordOf({ method, address, scheme }: CaseRequest, { decision, host, path }: Evaluation): DecisionRecord {
  const { principal, rule, limits } = decision
  return {
    ...allowed,
    ...pick(decision),
    method,
    scheme,
    address,
    host,
    path,
    rule: rule === null ? null : { ...rule },
    principal:
      principal === null
        ? null
        : {
            consumer: principal.consumer,
            consumer_id: principal.consumerId,
            credential_id: principal.credentialId,
            credential_kind: principal.credentialKind,
            hint: principal.credentialHint,
            issuer: null,
            scopes: [...principal.scopes],
            roles: [...principal.roles],
          },
    limits: limits.map((state) => ({
      policy: state.policy,
      requests: state.amount,
      window_ms: state.windowMs,
      remaining: state.remaining,
      reset_ms: state.resetMs,
      retry_after_ms: state.retryAfterMs,
    })),
  }
}

function pick({ outcome, reason, status, route, service, needed, had, tightest }: Decision) {
  return { outcome, reason, status, route, service, needed: [...needed], had: [...had], tightest }
}

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { caseDifferences, caseFile, caseOutcome, caseRelease, type CaseFile, type CaseRequest } from './cases.ts'
import { compile } from './compile.ts'
import { decide } from './decide.ts'
import type { Decision, DecisionPorts } from './decision.ts'
import { normalise } from './normalise.ts'
import { refuse } from './outcome.ts'
import { type Reason, reasons } from './reasons.ts'
import type { CompiledRelease } from './release.ts'
import { caseMaterial, type SentCase } from './testing/case-material.ts'
import { casePeer, casePorts } from './testing/case-ports.ts'

const FOLDER = new URL('../cases/', import.meta.url)
const NOW_MS = 1_800_000_000_000

/**
 * What comes of a request after its decision, before there is a release to decide with, or by how the agent is set: no
 * case has it. Each with the test that sends it through a real agent.
 */
const AFTERWARDS: Partial<Record<Reason, readonly [file: string, mention: string]>> = {
  not_ready: ['agent/src/pipeline/handle.test.ts', '503 not_ready until a release is live'],
  upstream_unreachable: ['agent/src/upstream/forward.test.ts', "'upstream_unreachable'"],
  upstream_failed: ['agent/src/upstream/forward.test.ts', "'upstream_failed'"],
  credential_locked_out: ['agent/src/auth/verify.test.ts', "'credential_locked_out'"],
  load_shed: ['agent/src/pipeline/shedding.services.test.ts', '503 load_shed'],
  agent_overloaded: ['agent/src/workers/overload.services.test.ts', '503 agent_overloaded'],
  upstream_overloaded: ['agent/src/upstream/forward.test.ts', "'upstream_overloaded'"],
  upstream_identity_invalid: [
    'agent/src/upstream/caller/service-fields.test.ts',
    '403 upstream_identity_invalid where',
  ],
  upstream_credential_unavailable: [
    'agent/src/upstream/caller/service-fields.test.ts',
    '503 upstream_credential_unavailable where',
  ],
  proxy_chain_invalid: ['agent/src/trusted-proxies.test.ts', '400 proxy_chain_invalid when'],
  upstream_timeout: ['agent/src/upstream/forward.test.ts', "'upstream_timeout'"],
}

const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .toSorted()
  .map((name): readonly [string, CaseFile] => [
    name,
    caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'))),
  ])

async function run(
  file: CaseFile,
  request: CaseRequest,
  sent: SentCase,
  release: CompiledRelease,
  ports: DecisionPorts,
): Promise<Decision> {
  const { method, scheme, address } = request
  const fields = [...(request.host === null ? [] : [['host', request.host]]), ...sent.headers]
  const header = (name: string) =>
    fields.flatMap(([field, value = '']) => (field?.toLowerCase() === name ? [value] : []))
  const peer = casePeer(file, request, release, NOW_MS)
  const normalised = normalise({ method, target: sent.target, scheme, address, peer, header })
  if (normalised.kind === 'refused') return refuse(normalised.reason)
  const take: DecisionPorts['take'] = request.unavailable === 'limits' ? () => ({ kind: 'unavailable' }) : ports.take
  return decide(release, normalised.facts, { ...ports, take })
}

for (const [name, file] of files) {
  test(`cases/${name}: ${file.about}`, async (t) => {
    const material = caseMaterial(file, { nowMs: NOW_MS })
    const compiled = compile(caseRelease({ ...file, objects: material.objects }))
    assert.equal(compiled.kind, 'compiled', JSON.stringify(compiled))
    if (compiled.kind !== 'compiled') return
    const ports = casePorts(file, compiled.release, material, NOW_MS)
    for (const request of file.requests) {
      await t.test(request.title, async () => {
        const sent = material.sent(request, NOW_MS)
        for (let time = 1; time < request.repeat; time++) await run(file, request, sent, compiled.release, ports)
        const decision = await run(file, request, sent, compiled.release, ports)
        assert.deepEqual(caseDifferences(request.expect, caseOutcome(decision)), [])
      })
    }
  })
}

test('there are at least 200 cases, and no two with the same title in a file', () => {
  const count = files.reduce((sum, [, { requests }]) => sum + requests.length, 0)
  assert.ok(count >= 200, `${count} cases`)
  for (const [name, { requests }] of files) {
    assert.equal(new Set(requests.map(({ title }) => title)).size, requests.length, name)
  }
})

test('every reason has a case, or the test of an agent that is named here', () => {
  const cased = new Set(files.flatMap(([, { requests }]) => requests.map(({ expect }) => expect.reason)))
  const all = Object.keys(reasons) as Reason[]
  assert.deepEqual(
    all.filter((reason) => !cased.has(reason) && AFTERWARDS[reason] === undefined),
    [],
  )
  for (const [reason, [file, mention]] of Object.entries(AFTERWARDS)) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    assert.ok(text.includes(mention), `${file} does not mention ${mention}, for ${reason}`)
  }
})

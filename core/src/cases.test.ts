import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  caseDifferences,
  caseFile,
  caseHeaders,
  caseKeyRecords,
  caseOutcome,
  caseRelease,
  type CaseFile,
  type CaseRequest,
} from './cases.ts'
import { compile } from './compile.ts'
import { judgeApiKey } from './credentials/api-key.ts'
import { decide } from './decide.ts'
import type { Decision, DecisionPorts } from './decision.ts'
import { demandKey, takeAll } from './limits/take-all.ts'
import { normalise } from './normalise.ts'
import { refuse } from './outcome.ts'
import type { CompiledRelease } from './release.ts'

const FOLDER = new URL('../cases/', import.meta.url)
const NOW_MS = 1_800_000_000_000

/** Ports of one file: its keys, and counters that its requests share. Time stands still. */
function portsOf(file: CaseFile): DecisionPorts {
  const records = caseKeyRecords(file, NOW_MS)
  const counters = new Map<string, number>()
  return {
    now: () => NOW_MS,
    verify: (credential, facts) => {
      const record = credential.kind === 'api_key' ? records.get(credential.text) : undefined
      if (record === undefined) return { kind: 'denied', reason: 'credential_unknown', principal: null }
      return judgeApiKey(record, facts, NOW_MS)
    },
    take: (demands) =>
      takeAll(
        demands,
        NOW_MS,
        (demand) => counters.get(demandKey(demand)) ?? 0,
        (demand, tatMs) => void counters.set(demandKey(demand), tatMs),
      ),
  }
}

async function run(
  file: CaseFile,
  request: CaseRequest,
  release: CompiledRelease,
  ports: DecisionPorts,
): Promise<Decision> {
  const fields = [['host', request.host], ...caseHeaders(file, request)]
  const normalised = normalise({
    method: request.method,
    target: request.target,
    scheme: 'http',
    address: request.address,
    header: (name) => fields.flatMap(([field, value = '']) => (field?.toLowerCase() === name ? [value] : [])),
  })
  return normalised.kind === 'refused' ? refuse(normalised.reason) : decide(release, normalised.facts, ports)
}

let count = 0
for (const name of readdirSync(FOLDER).toSorted()) {
  const file = caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')))
  count += file.requests.length
  test(`cases/${name}: ${file.about}`, async (t) => {
    const compiled = compile(caseRelease(file))
    assert.equal(compiled.kind, 'compiled', JSON.stringify(compiled))
    if (compiled.kind !== 'compiled') return
    const ports = portsOf(file)
    for (const request of file.requests) {
      await t.test(request.title, async () => {
        for (let time = 1; time < request.repeat; time++) await run(file, request, compiled.release, ports)
        const decision = await run(file, request, compiled.release, ports)
        assert.deepEqual(caseDifferences(request.expect, caseOutcome(decision)), [])
      })
    }
  })
}

test('there are at least 80 cases, and no two with the same title in a file', () => {
  assert.ok(count >= 80, `${count} cases`)
  for (const name of readdirSync(FOLDER)) {
    const { requests } = caseFile.parse(JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')))
    assert.equal(new Set(requests.map(({ title }) => title)).size, requests.length, name)
  }
})

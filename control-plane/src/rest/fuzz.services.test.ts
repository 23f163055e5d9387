/**
 * Thousands of generated requests against every operation: whatever is sent, the answer is one that the document names.
 */
import { type OperationId, operations, problem, problemCodes, problemsOf } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import test, { after, before } from 'node:test'
import { type Prepared, type World, createWorld, operationIds, validCalls } from '#control-plane/fakes/calls.ts'
import { type Signed, type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { createRandom, generate } from '#control-plane/fakes/generator.ts'
import type { RawRequest } from '#control-plane/fakes/https-fetch.ts'

/** Requests; `FUZZ_REQUESTS` for a longer run. */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2500)

/** Repeats a run. */
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31))

const PARALLEL = 8

let controlPlane: TestControlPlane
let world: World
let operator: Signed
const templates = new Map<OperationId, Prepared>()

before(async () => {
  controlPlane = await startControlPlane()
  world = await createWorld(controlPlane)
  operator = await controlPlane.operator([{ tenant: null, role: 'owner' }])
  for (const id of operationIds) templates.set(id, await validCalls[id](world))
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

test(`no generated request gets a 5xx, an undocumented status, or an answer that is no problem (seed ${SEED})`, async () => {
  const random = createRandom(SEED)
  const seen = new Map<number, number>()
  const worker = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index += 1) {
      const { id, raw } = generate(random, templates)
      const answer = await controlPlane.send(raw, random.chance(0.95) ? operator.token : undefined)
      const label = `${id} ${JSON.stringify(raw).slice(0, 600)} -> ${answer.status} ${answer.text.slice(0, 400)}`
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
      assert.ok(answer.status < 500, label)
      if (answer.status >= 400 && raw.method !== 'HEAD')
        checkProblem(servedAs(id, raw), answer.status, answer.json, label)
      assert.doesNotMatch(answer.text, /node_modules|prisma|at file:|SELECT|constraint/i, label)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, () => worker(Math.ceil(REQUESTS / PARALLEL))))
  // A generator that hits nothing but one line of refusals would prove nothing.
  for (const status of [200, 201, 204, 400, 401, 404, 409, 412, 415, 422, 428])
    assert.ok(seen.has(status), `no ${status} was seen`)
})

/** Another method may be another operation of the same path. */
function servedAs(id: OperationId, { method }: RawRequest): OperationId {
  return (
    operationIds.find(
      (other) => operations[other].path === operations[id].path && operations[other].method === method,
    ) ?? id
  )
}

function checkProblem(id: OperationId, status: number, json: unknown, label: string): void {
  const parsed = problem.parse(json)
  assert.equal(parsed.status, status, label)
  const code = parsed.code as keyof typeof problemCodes
  assert.equal(problemCodes[code].status, status, label)
  const known = [...problemsOf(operations[id]), 'path_malformed', 'operation_unknown', 'method_not_allowed']
  assert.ok(known.includes(code), `undocumented: ${label}`)
  if (code === 'input_invalid') assert.ok((parsed.errors ?? []).length > 0, `no errors: ${label}`)
}

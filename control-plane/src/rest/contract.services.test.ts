/**
 * What the document promises for every operation, asked of the real listener.
 */
import { openApiDocument, operations, problemCodes, problemsOf } from '@headgate/admin-api'
import { systemClock } from '@headgate/kit/clock.ts'
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { type World, createWorld, operationIds, rawCall, validCalls } from '#control-plane/fakes/calls.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { createHandlers } from './handlers.ts'
import { createLimiter } from './limiter.ts'
import { createRouter, expressPath } from './router.ts'

let controlPlane: TestControlPlane
let world: World

before(async () => {
  controlPlane = await startControlPlane()
  world = await createWorld(controlPlane)
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

test('the document lists exactly the operations that the router serves', () => {
  const limiter = createLimiter({ clock: systemClock, requests: 1, windowMs: 1, burst: 1 })
  const limits = { address: limiter, operator: limiter, anonymous: limiter }
  // Nothing is asked of the services before a request comes.
  const router = createRouter({ services: {} as never, handlers: createHandlers(), limits })
  const served = router.stack.flatMap(({ route }) => {
    const methods =
      route?.stack.map((layer) => layer.method).filter((method) => method !== undefined && method !== '') ?? []
    return methods.map((method) => `${method?.toUpperCase()} ${route?.path}`)
  })
  const document = openApiDocument('1.0.0')
  const listed = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${expressPath(path)}`),
  )
  assert.deepEqual(served.toSorted(), listed.toSorted())
  assert.equal(listed.length, operationIds.length)
})

for (const id of operationIds) {
  const { status, response } = operations[id]

  test(`${status} of ${id} fits its schema and says what the document says`, async () => {
    const answer = await controlPlane.send(rawCall(id, await validCalls[id](world)), controlPlane.owner.token)
    assert.equal(answer.status, status, answer.text)
    assert.match(answer.headers['x-request-id'] as string, /^req_/)
    if (response === null) assert.equal(answer.text, '')
    else {
      assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
      // Strictly the same: nothing was in the answer that the schema does not name.
      assert.deepEqual(response.parse(answer.json), answer.json)
      if (operations[id].etag) assert.equal(answer.headers.etag, `"${(answer.json as { revision: number }).revision}"`)
      if (answer.headers.location !== undefined) {
        const shown = await controlPlane.send(
          { method: 'GET', path: answer.headers.location },
          controlPlane.owner.token,
        )
        assert.equal(shown.status, 200, answer.headers.location)
      }
    }
  })
}

test('every problem of every operation has a code of the table, each once', () => {
  for (const id of operationIds) {
    const codes = problemsOf(operations[id])
    assert.equal(new Set(codes).size, codes.length, id)
    for (const code of codes) assert.ok(problemCodes[code].status >= 400)
  }
})

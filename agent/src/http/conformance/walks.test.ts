/**
 * Walks around a closed route: no spelling gets past the gate that any reader behind it might take for the closed path.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectInput } from '@headgate/core'
import { HOST } from './cases/case.ts'
import { innocent, leadsToAdmin, walks } from './cases/walks.ts'
import { openClient } from './testing/client.ts'
import { valuesOf } from './testing/message.ts'
import { openStand, type Stand } from './testing/stand.ts'

/** `/` is open for everybody, `/admin` asks for a key that nobody has. */
function release(url: string): Omit<ObjectInput, 'origin'>[] {
  const policy = (name: string, route: string, spec: object): Omit<ObjectInput, 'origin'> => ({
    kind: 'policy',
    name,
    spec: { type: 'access', on: { route }, ...spec },
  })
  return [
    { kind: 'service', name: 'shop', spec: { owner: 'team', targets: [{ url }] } },
    { kind: 'route', name: 'all', spec: { service: 'shop', path: '/', match: 'prefix' } },
    { kind: 'route', name: 'admin', spec: { service: 'shop', path: '/admin', match: 'prefix' } },
    policy('open', 'all', { public: { owner: 'team', reason: 'a test' } }),
    policy('closed', 'admin', { credentials: [{ kind: 'api_key' }] }),
  ]
}

/** @returns the status, and the target that the service saw; null: it saw nothing. */
async function ask(stand: Stand, target: string, method = 'GET'): Promise<readonly [number, string | null]> {
  const { service, agent } = stand
  const before = service.seen.length
  await using client = await openClient(agent.http)
  client.write(`${method} ${target} HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)
  const next = await client.next(method)
  assert.ok(next.kind === 'answer', JSON.stringify(next))
  assert.equal(await client.ended(), '')
  const [seen, ...more] = service.seen.slice(before)
  assert.equal(more.length, 0)
  assert.equal(seen !== undefined, valuesOf(next.fields, 'x-serial').length === 1)
  return [next.status, seen?.target ?? null]
}

/** The path that a record names for the only request that was made since. */
function recordedPath(stand: Stand): string | undefined {
  return stand.agent.records.at(-1)?.path
}

test('the closed path is closed', async () => {
  await using stand = await openStand({ objects: release })
  for (const target of ['/admin', '/admin/', '/admin/users', '/admin?x=y']) {
    assert.deepEqual(await ask(stand, target), [401, null], target)
  }
})

test('no spelling of the closed path passes by the open route', async (t) => {
  await using stand = await openStand({ objects: release, settings: { recordsAllowedPerS: 1_000_000 } })
  const passed: string[] = []
  for (const target of walks) {
    await t.test(JSON.stringify(target), async () => {
      for (const method of ['GET', 'POST']) {
        const [status, arrived] = await ask(stand, target, method)
        if (arrived === null) {
          assert.ok(status >= 400 && status < 500, `${status}`)
          continue
        }
        assert.ok(!leadsToAdmin(arrived), `${arrived} reached the service`)
        // What was matched is what was forwarded.
        assert.equal(arrived.split('?', 1)[0], recordedPath(stand))
        if (method === 'GET') passed.push(target)
      }
    })
  }
  t.diagnostic(`${walks.length} spellings; passed on as something else: ${passed.join(' ')}`)
  assert.ok(walks.length >= 150, `${walks.length}`)
  assert.equal(new Set(walks).size, walks.length)
})

// Guards against a gate that passes the test above because it refuses everything.
test('what no reader takes for the closed path is served', async (t) => {
  await using stand = await openStand({ objects: release, settings: { recordsAllowedPerS: 1_000_000 } })
  for (const target of innocent) {
    await t.test(target, async () => {
      assert.equal(leadsToAdmin(target), false)
      assert.deepEqual(await ask(stand, target), [200, target])
      assert.equal(target.split('?', 1)[0], recordedPath(stand))
    })
  }
})

import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CompiledAuthentication } from '@headgate/core'
import { createLog } from '@headgate/kit/log.ts'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { serviceReference } from '#agent/testing/upstream.ts'
import { createStillClock, type StillClock } from '#agent/upstream/testing/still-clock.ts'
import { followSecret } from './follow-secret.ts'

const folder = temporaryFolder('secrets')

type Secret = Exclude<CompiledAuthentication, { kind: 'oauth' }>

function authentication(spec: object): Secret {
  const { authentication: compiled } = serviceReference(['http://a'], { authentication: spec })
  assert.ok(compiled !== null && compiled.kind !== 'oauth')
  return compiled
}

interface Followed {
  readonly told: (string | null)[]
  readonly clock: StillClock
  readonly logged: () => string
}

function follow(t: TestContext, of: Secret, env: Readonly<Record<string, string>> = {}): Followed {
  let logged = ''
  const stop = new AbortController()
  const [told, clock]: [(string | null)[], StillClock] = [[], createStillClock()]
  const log = createLog({ name: 'test', level: 'info', destination: { write: (line) => void (logged += line) } })
  const tell = (value: string | null): void => void told.push(value)
  const running = followSecret(of, { env, clock, log, signal: stop.signal, tell, report: () => {} })
  t.after(async () => {
    stop.abort()
    await running
  })
  return { told, clock, logged: () => logged }
}

for (const [title, spec, field] of [
  ['a secret', { kind: 'header', name: 'x-key', value: 'env://S' }, 's3 cret'],
  ['a secret with something in front', { kind: 'header', prefix: 'Bearer ', value: 'env://S' }, 'Bearer s3 cret'],
  ['a password', { kind: 'basic', username: 'agent', password: 'env://S' }, 'Basic YWdlbnQ6czMgY3JldA=='],
] as const) {
  test(`${title} is what its field says`, async (t) => {
    const { told, clock } = follow(t, authentication(spec), { S: 's3 cret\n' })
    await clock.asleep()
    assert.deepEqual(told, [field])
  })
}

test('a file that changes is followed, and one that is away for a moment changes nothing', async (t) => {
  const path = join(folder, 'changing')
  await writeFile(path, 'one\n')
  const { told, clock } = follow(t, authentication({ kind: 'header', value: `file://${path}` }))
  await clock.asleep()
  await rm(path)
  clock.pass(10_000)
  await clock.asleep()
  assert.deepEqual(told, ['one'])
  await writeFile(path, 'two')
  clock.pass(10_000)
  await clock.asleep()
  assert.deepEqual(told, ['one', 'two'])
})

test('a secret that is not there yet is told so once, and is looked for every second', async (t) => {
  const path = join(folder, 'late')
  const { told, clock, logged } = follow(t, authentication({ kind: 'header', value: `file://${path}` }))
  await clock.asleep()
  clock.pass(1_000)
  await clock.asleep()
  assert.deepEqual(told, [null])
  assert.equal(logged().trimEnd().split('\n').length, 1)
  await writeFile(path, 'here')
  clock.pass(1_000)
  await clock.asleep()
  assert.deepEqual(told, [null, 'here'])
})

// Whatever is in a file, it is never more than one value of one field.
for (const [title, secret] of [
  ['two lines', 'one\r\nX-Admin: 1'],
  ['a control character', 'one\0'],
  ['letters beyond ASCII', 'schlüssel'],
  ['a blank at its end', 'one '],
  ['nothing', '\n'],
  ['more than fits beside a head', 'x'.repeat(8_001)],
] as const) {
  test(`a secret of ${title} is none, and is not told in the log`, async (t) => {
    const { told, clock, logged } = follow(t, authentication({ kind: 'header', value: 'env://S' }), { S: secret })
    await clock.asleep()
    assert.deepEqual(told, [null])
    assert.match(logged(), /does not fit into a field/)
    assert.ok(secret.trim() === '' || !logged().includes(JSON.stringify(secret.slice(0, 3)).slice(1, -1)))
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

const changed = { ...samples.ban, receipt: samples.receipt }

test('bans create shuts a range out for a while, and says which agents act on it', async () => {
  const args = ['bans', 'create', '--source', '203.0.113.0/24', '--for', '1h', '--reason', 'guesses keys']
  const { code, stderr, api } = await headgate(args, { createBan: () => changed })
  assert.equal(code, 0, stderr)
  const body = api.calls.at(-1)?.body as { expires_at: string }
  assert.deepEqual({ ...body, expires_at: '' }, { source: '203.0.113.0/24', reason: 'guesses keys', expires_at: '' })
  assert.ok(Date.parse(body.expires_at) > 0)
  assert.match(stderr, /ban_01 of 203\.0\.113\.0\/24 is active, until it is lifted[^]*acted on by 1 of 1/)
})

test('bans create takes a consumer, and one of the two alone', async () => {
  const args = ['bans', 'create', '--reason', 'abuse']
  const both = await headgate([...args, '--consumer', 'mallory', '--source', '203.0.113.0/24'], {})
  assert.equal(both.code, 3)
  assert.equal((await headgate(args, {})).code, 3)
  const { code, api } = await headgate([...args, '--consumer', 'mallory'], { createBan: () => changed })
  assert.equal(code, 0)
  assert.deepEqual(api.calls.at(-1)?.body, { consumer: 'mallory', reason: 'abuse' })
})

test('bans ls shows those in force, with --all those that have ended too', async () => {
  const states: unknown[] = []
  const listBans = ({ query }: { query: { state?: string } }) => {
    states.push(query.state)
    return { data: [samples.ban], next_cursor: null, has_more: false }
  }
  const { stdout } = await headgate(['bans', 'ls'], { listBans })
  await headgate(['bans', 'ls', '--all'], { listBans })
  assert.match(stdout, /ban_01 +203\.0\.113\.0\/24 +active +lifted +local +guesses keys/)
  assert.deepEqual(states, ['active', 'all'])
})

test('bans lift takes one back', async () => {
  const lifted = { ...changed, state: 'lifted' as const, lifted_at: samples.ban.created_at }
  const { code, stderr, api } = await headgate(['bans', 'lift', 'ban_01'], { liftBan: () => lifted })
  assert.equal(code, 0, stderr)
  assert.equal(api.calls.at(-1)?.params['ban'], 'ban_01')
  assert.match(stderr, /ban_01 of 203\.0\.113\.0\/24 is lifted/)
})

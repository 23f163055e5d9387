import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

test('keys create writes the key alone to standard output', async () => {
  const { code, stdout, stderr, api } = await headgate(
    ['keys', 'create', '--consumer', 'alice', '--scope', 'orders:read', '--scope', 'orders:list'],
    {
      createKey: () => ({ ...samples.key, key: samples.KEY_TEXT, receipt: samples.receipt }),
    },
  )
  assert.deepEqual([code, stdout], [0, `${samples.KEY_TEXT}\n`])
  assert.match(stderr, /\+ consumer alice\n[^]*acted on by 1 of 1 connected agents after 12 ms/)
  const call = api.calls.find(({ operation }) => operation === 'createKey')
  assert.deepEqual((call?.body as { scopes: string[] } | undefined)?.scopes, ['orders:read', 'orders:list'])
})

test('keys revoke --wait fails when a connected agent does not answer', async () => {
  const receipt = { ...samples.receipt, pending: [{ id: 'agt_02', name: 'eu-2', group: 'eu' }] }
  const revoked = { ...samples.key, state: 'revoked' as const, receipt }
  const { code, stderr, api } = await headgate(['keys', 'revoke', 'key_01', '--wait', '--timeout', '2s'], {
    getKey: () => samples.key,
    revokeKey: () => revoked,
  })
  assert.equal(code, 1)
  assert.match(stderr, /key_01 .* is revoked[^]*error: no answer within .* from eu-2/)
  assert.deepEqual(api.calls.at(-1)?.query, { wait: true, timeout_ms: 2_000 })
})

test('keys grant adds to what the key has', async () => {
  const { code, api } = await headgate(['keys', 'grant', 'key_01', '--scope', 'orders:delete'], {
    getKey: () => samples.key,
    updateKey: () => ({ ...samples.key, receipt: null }),
  })
  assert.equal(code, 0)
  assert.deepEqual(api.calls.at(-1)?.body, { scopes: ['orders:read', 'orders:delete'] })
})

const DAY_MS = 86_400_000

/** An instant that is so many days ago. */
const daysAgo = (days: number): string => new Date(Date.now() - days * DAY_MS).toISOString()

test('keys create takes limits of the key itself, and lays out a decoy', async () => {
  const args = ['keys', 'create', '--consumer', 'alice', '--limit', '100/1m', '--limit', '5000/1d', '--decoy']
  const limits = [
    { requests: 100, window_ms: 60_000 },
    { requests: 5_000, window_ms: 86_400_000 },
  ]
  const { code, stderr, api } = await headgate(args, {
    createKey: () => ({ ...samples.key, limits, decoy: true, key: samples.KEY_TEXT, receipt: null }),
  })
  assert.equal(code, 0, stderr)
  const body = api.calls.at(-1)?.body as { limits: unknown; decoy: boolean }
  assert.deepEqual([body.limits, body.decoy], [limits, true])
  assert.match(stderr, /limit 100\/1m .* limit 5000\/1d .* a decoy: it never works/)
})

for (const [what, args, message] of [
  ['a limit that is none', ['keys', 'create', '--consumer', 'a', '--limit', 'many'], /--limit many is not a limit/],
  ['half a day', ['keys', 'ls', '--unused-for', '12h'], /--unused-for 12h is not a number of days/],
  ['no time at all', ['keys', 'report', '--expiring', '0'], /--expiring 0 is not a number of days/],
  ['a state that is none', ['keys', 'ls', '--state', 'lost'], /lost/],
] as const) {
  test(`3 on ${what}`, async () => {
    const { code, stderr, api } = await headgate(args)
    assert.equal(code, 3)
    assert.match(stderr, message)
    assert.equal(api.calls.length, 0)
  })
}

test('keys ls asks for what nobody uses or what ends soon, and says when each was used', async () => {
  const used = { ...samples.key, last_used: { at: daysAgo(3), agent: 'local-1', address: '10.0.0.7' } }
  const args = ['keys', 'ls', '--unused-for', '90d', '--expiring', '2w', '--state', 'active']
  const { code, stdout, api } = await headgate(args, {
    listKeys: () => ({ data: [used, { ...samples.key, decoy: true }], next_cursor: null, has_more: false }),
  })
  assert.equal(code, 0)
  const { limit: _limit, ...filter } = api.calls[0]?.query ?? {}
  assert.deepEqual(filter, { unused_for_days: 90, expiring_within_days: 14, state: 'active' })
  assert.match(stdout, /active +orders:read +3 d ago[^]*active decoy +orders:read +never/)
})

test('keys get says whether a key that was rotated is still used', async () => {
  for (const [stillUsed, text] of [
    [true, /Successor +key_02, from .* on; this one is still used\n/],
    [false, /Successor +key_02, from .* on; this one was not used since\n/],
  ] as const) {
    const rotation = { successor_id: 'key_02', rotated_at: daysAgo(1), old_still_used: stillUsed }
    const { stdout } = await headgate(['keys', 'get', 'key_01'], { getKey: () => ({ ...samples.key, rotation }) })
    assert.match(stdout, text)
  }
})

test('keys rotate says from where the old key was used, and shows the new one alone on standard output', async () => {
  const used = { at: daysAgo(2), agent: 'local-1', address: '10.0.0.7' }
  const successor = { ...samples.key, id: 'key_02', key: samples.KEY_TEXT }
  const { code, stdout, stderr } = await headgate(['keys', 'rotate', 'key_01', '--overlap', '1h'], {
    rotateKey: () => ({ old: { ...samples.key, last_used: used }, new: successor, receipt: null }),
  })
  assert.deepEqual([code, stdout], [0, `${samples.KEY_TEXT}\n`])
  assert.match(
    stderr,
    /the old key was used 2 d ago from 10\.0\.0\.7 at local-1; whether it still is: headgate keys get key_01/,
  )
})

const none = { count: 0, keys: [] }
const report = {
  at: daysAgo(0),
  unused_for_days: 90,
  expiring_within_days: 30,
  active: 12,
  never_used: none,
  unused: none,
  expiring: none,
  rotating: { ...none, still_used: 0 },
}

test('keys report names what needs a look, and how much of it there is', async () => {
  const full = {
    ...report,
    unused: { count: 25, keys: [samples.key] },
    rotating: { count: 1, keys: [{ ...samples.key, id: 'key_02' }, samples.key], still_used: 1 },
  }
  const { code, stdout, api } = await headgate(['keys', 'report'], { reportKeys: () => full })
  assert.equal(code, 0)
  assert.match(
    stdout,
    /^12 keys work\n\n25 not used for 90 days\nID [^]*key_01[^]*\nand 24 more\n\n1 rotated and still working, 1 of/,
  )
  assert.doesNotMatch(stdout, /never used\n/)
  assert.deepEqual(api.calls[0]?.query, { unused_for_days: 90, expiring_within_days: 30, limit: 20 })
  const names = await headgate(['keys', 'report', '-o', 'name'], { reportKeys: () => full })
  assert.equal(names.stdout, 'key_01\nkey_02\n')
})

test('keys report of keys that are all in use says so', async () => {
  const { stdout } = await headgate(['keys', 'report'], { reportKeys: () => report })
  assert.equal(stdout, '12 keys work; none of them needs a look\n')
})

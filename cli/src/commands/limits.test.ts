import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer } from '@headgate/admin-api'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

const listing = (fields: Partial<Answer<'listLimits'>> = {}): Answer<'listLimits'> => ({
  release: 'r1',
  groups: 1,
  data: [samples.limit],
  ...fields,
})

test('limits ls shows how much, by what, where, and how exact it is', async () => {
  const { stdout, code, api } = await headgate(['limits', 'ls'], { listLimits: () => listing() })
  assert.equal(code, 0)
  assert.equal(api.calls.at(-1)?.query['release'], 'live')
  assert.match(stdout, /^POLICY +LIMIT +KEY +ON +ROUTES +SHARED +MODE +HOW EXACT\n/)
  assert.match(
    stdout,
    /\norders\.limit +1000\/1m +consumer\+route +service\/orders, public +orders +leased +refuses +At most 48/,
  )
})

test('limits ls names a few routes, shadow limits, periods and more groups than one', async () => {
  const limit = {
    ...samples.limit,
    algorithm: 'quota' as const,
    window_ms: null,
    period: 'month' as const,
    zone: 'Europe/Berlin',
    shadow: true,
    shared: null,
    routes: { count: 40, names: ['a', 'b', 'c', 'd'] },
  }
  const { stdout } = await headgate(['limits', 'ls', '--release', 'draft'], {
    listLimits: () => listing({ data: [limit], groups: 2 }),
  })
  assert.match(
    stdout,
    /1000 per month \(Europe\/Berlin\) .* 40: a, b, c, \.\.\. +no +shadow .*, in each of 2 groups\n$/,
  )
})

test('limits ls says where limits are when nothing is live', async () => {
  const { stderr, stdout } = await headgate(['limits', 'ls'], {
    listLimits: () => listing({ release: 'none', data: [] }),
  })
  assert.match(stdout + stderr, /Nothing is live.*--release draft/)
})

const trial = { type: 'limit', on: { service: 'orders' }, requests: 5, window_ms: 1_000, shadow: true }

test('limits promote takes shadow out of the policy in the draft, and nothing else', async () => {
  const { code, stderr, api } = await headgate(['limits', 'promote', 'orders.trial'], {
    getObject: () => ({ ...samples.configObject('policy', 'orders.trial', trial), origin: 'headgate.yaml:7' }),
    putObject: () => samples.configObject('policy', 'orders.trial', trial),
  })
  assert.equal(code, 0, stderr)
  const call = api.calls.at(-1)
  const { shadow: _, ...enforced } = trial
  assert.deepEqual(call?.body, { spec: enforced, origin: 'headgate.yaml:7' })
  assert.match(stderr, /live after: headgate releases publish[^]*written in headgate\.yaml:7/)
})

test('limits promote changes nothing that is no shadow limit', async () => {
  for (const [spec, code] of [
    [{ ...trial, shadow: false }, 1],
    [{ type: 'https', on: { environment: true } }, 3],
  ] as const) {
    const run = await headgate(['limits', 'promote', 'x'], {
      getObject: () => samples.configObject('policy', 'x', spec),
    })
    assert.equal(run.code, code, run.stderr)
    assert.ok(run.api.calls.every(({ operation }) => operation === 'getObject'))
  }
})

test('environments create says which limits it begins with, and takes none and a stage', async () => {
  const handlers = { createEnvironment: () => ({ ...samples.environment, name: 'eu-1', stage: 'staging' as const }) }
  const usual = await headgate(['environments', 'create', 'eu-1'], handlers)
  assert.match(usual.stderr, /default\.public and default\.internal.*limits ls --release draft --environment eu-1/)
  const bare = await headgate(['environments', 'create', 'eu-1', '--stage', 'staging', '--no-default-limits'], handlers)
  assert.deepEqual(bare.api.calls.at(-1)?.body, { name: 'eu-1', stage: 'staging', default_limits: false })
  assert.doesNotMatch(bare.stderr, /default\.public/)
  assert.match(bare.stdout, /Stage +staging/)
})

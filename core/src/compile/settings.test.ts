import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, object, shortFindings } from '#core/fakes/release.ts'

test('an environment without settings has the default ones', () => {
  assert.deepEqual(compiled().settings, { rateLimitFields: 'draft' })
  assert.deepEqual(compiled(object('settings', 'settings', {})).settings, { rateLimitFields: 'draft' })
})

test('settings say how callers are told about limits', () => {
  const release = compiled(object('settings', 'settings', { rate_limit_fields: 'x-ratelimit' }))
  assert.equal(release.settings.rateLimitFields, 'x-ratelimit')
})

test('settings have one name, so there is one object of them', () => {
  assert.deepEqual(shortFindings(object('settings', 'settings', {}), object('settings', 'others', {})).slice(0, 1), [
    'error name_invalid settings/others',
  ])
  assert.deepEqual(shortFindings(object('settings', 'settings', { rate_limit_fields: 'both' })).slice(0, 1), [
    'error value_unknown settings/settings /rate_limit_fields',
  ])
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { choice, defineSettings, flag, integer, listenAddress, readSettings, secret, text } from './settings.ts'

const settings = defineSettings({
  LOG_LEVEL: choice({ doc: 'how much', oneOf: ['info', 'warn'], default: 'info' }),
  DRAIN_MS: integer({ doc: 'drain', default: 1000, min: 0, max: 5000 }),
  HTTP_LISTEN: listenAddress({ doc: 'where', default: '127.0.0.1:8080' }),
  JOIN_TOKEN: secret({ doc: 'join', optional: true }),
  STRICT: flag({ doc: 'strict', default: true }),
  DATABASE: text({ doc: 'the database' }),
})

test('defaults apply and sources say so', () => {
  const read = readSettings(settings, { HEADGATE_DATABASE: 'x', PATH: '/bin' })
  assert.equal(read.kind, 'ok')
  if (read.kind !== 'ok') return
  assert.equal(read.values.DRAIN_MS, 1000)
  assert.deepEqual(read.values.HTTP_LISTEN, { host: '127.0.0.1', port: 8080 })
  assert.equal(read.values.JOIN_TOKEN, undefined)
  assert.equal(read.sources.find((line) => line.name === 'HEADGATE_DRAIN_MS')?.source, 'default')
})

test('every problem is reported at once, and an unknown name comes with a guess', () => {
  const read = readSettings(settings, {
    HEADGATE_LOG_LEVEL: 'loud',
    HEADGATE_DRAIN_MS: '1e3',
    HEADGATE_STRICT: 'yes',
    HEADGATE_HTTP_LISTEN: '8080',
    HEADGATE_DRIAN_MS: '5',
  })
  assert.equal(read.kind, 'invalid')
  if (read.kind !== 'invalid') return
  assert.equal(read.problems.length, 6)
  assert.ok(read.problems.some((line) => line.includes('did you mean HEADGATE_DRAIN_MS?')))
  assert.ok(read.problems.some((line) => line.startsWith('HEADGATE_DATABASE is missing')))
})

test('a secret is read from a file and never shown', () => {
  const folder = mkdtempSync(join(tmpdir(), 'settings-'))
  try {
    writeFileSync(join(folder, 'token'), 'hgj_planted\n')
    const read = readSettings(settings, { HEADGATE_DATABASE: 'x', HEADGATE_JOIN_TOKEN_FILE: join(folder, 'token') })
    assert.equal(read.kind, 'ok')
    if (read.kind !== 'ok') return
    assert.equal(read.values.JOIN_TOKEN, 'hgj_planted')
    assert.ok(!JSON.stringify(read.sources).includes('planted'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a value and its file together are refused, not resolved', () => {
  const read = readSettings(settings, { HEADGATE_DATABASE: 'x', HEADGATE_DATABASE_FILE: '/x' })
  assert.equal(read.kind, 'invalid')
})

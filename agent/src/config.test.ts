import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAgentSettings, settingsReference } from './config.ts'

test('an agent starts without any setting, and listens on this machine only', () => {
  const read = readAgentSettings({ PATH: '/bin' })
  assert.ok(read.kind === 'ok')
  assert.deepEqual(read.settings.httpListen, { host: '127.0.0.1', port: 8080 })
  assert.deepEqual(read.settings.httpsListen, { host: '127.0.0.1', port: 8443 })
  assert.equal(read.settings.adminListen, undefined)
})

test('every problem is told at once, with the name and what it must be', () => {
  const read = readAgentSettings({
    HEADGATE_HTTP_LISTEN: 'everywhere',
    HEADGATE_DRAIN_MS: '-1',
    HEADGATE_LOG_LEVEL: 'loud',
    HEADGATE_DRIAN_MS: '1',
    HEADGATE_OTLP_PROTOCOL: 'smoke',
  })
  assert.ok(read.kind === 'invalid')
  const text = read.problems.join('\n')
  for (const expected of [
    /HTTP_LISTEN=everywhere/,
    /DRAIN_MS=-1/,
    /LOG_LEVEL=loud/,
    /did you mean HEADGATE_DRAIN_MS/,
    /OTLP_PROTOCOL=smoke/,
  ]) {
    assert.match(text, expected)
  }
})

test('a collector that is no URL is refused', () => {
  assert.equal(readAgentSettings({ HEADGATE_OTLP_ENDPOINT: 'collector' }).kind, 'invalid')
  assert.equal(readAgentSettings({ HEADGATE_OTLP_ENDPOINT: 'http://collector:4317' }).kind, 'ok')
})

test('the join token prints as a mark', () => {
  const read = readAgentSettings({ HEADGATE_JOIN_TOKEN: 'hgj_planted' })
  assert.ok(read.kind === 'ok')
  assert.ok(!JSON.stringify(read.sources).includes('planted'))
  assert.equal(read.settings.joinToken, 'hgj_planted')
})

test('every setting says what it is for', () => {
  for (const { name, doc } of settingsReference) assert.ok(doc.length > 10, name)
})

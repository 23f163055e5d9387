import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
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

test('the admin endpoint is not opened to other machines by accident', () => {
  for (const address of ['0.0.0.0:9090', '[::]:9090', '10.0.0.1:9090', 'example.com:9090', '127.0.0.1.example.com:1']) {
    const read = readAgentSettings({ HEADGATE_ADMIN_LISTEN: address })
    assert.ok(read.kind === 'invalid', address)
    assert.match(read.problems[0] ?? '', /HEADGATE_ADMIN_OPEN=true/)
    assert.equal(readAgentSettings({ HEADGATE_ADMIN_LISTEN: address, HEADGATE_ADMIN_OPEN: 'true' }).kind, 'ok')
  }
  for (const address of ['127.0.0.1:9090', '[::1]:9090', 'localhost:9090', 'off']) {
    assert.equal(readAgentSettings({ HEADGATE_ADMIN_LISTEN: address }).kind, 'ok', address)
  }
})

test('the admin endpoint is opened to other machines by what makes them prove who they are', () => {
  const all = {
    HEADGATE_ADMIN_LISTEN: '0.0.0.0:9090',
    HEADGATE_ADMIN_CERTIFICATE: 'file:///run/secrets/admin.pem',
    HEADGATE_ADMIN_KEY: 'env://ADMIN_KEY',
    HEADGATE_ADMIN_CLIENT_CA: 'file:///run/secrets/watchers.pem',
  }
  const read = readAgentSettings(all)
  assert.ok(read.kind === 'ok')
  assert.deepEqual(read.settings.adminTls, {
    certificate: 'file:///run/secrets/admin.pem',
    key: 'env://ADMIN_KEY',
    clientCa: 'file:///run/secrets/watchers.pem',
    probesOpen: false,
  })
  // Half of it, however it comes about, is never taken for none.
  for (const missing of ['HEADGATE_ADMIN_CERTIFICATE', 'HEADGATE_ADMIN_KEY', 'HEADGATE_ADMIN_CLIENT_CA'] as const) {
    for (const open of ['false', 'true']) {
      const { [missing]: _, ...half } = all
      const without = readAgentSettings({ ...half, HEADGATE_ADMIN_OPEN: open })
      assert.ok(without.kind === 'invalid', missing)
      assert.match(without.problems.join(), /give all three/)
    }
  }
  const probes = readAgentSettings({ HEADGATE_ADMIN_PROBES_OPEN: 'true' })
  assert.match(probes.kind === 'invalid' ? probes.problems.join() : '', /says nothing without/)
})

test('a key that is given in place of a reference to it is refused, and not printed', () => {
  for (const value of ['-----BEGIN PRIVATE KEY-----\nplanted', 'planted.pem', 'file://planted', 'vault://planted']) {
    const read = readAgentSettings({ HEADGATE_ADMIN_KEY: value })
    assert.ok(read.kind === 'invalid', value)
    assert.match(read.problems.join(), /HEADGATE_ADMIN_KEY must be file:/)
    assert.ok(!read.problems.join().includes('planted'))
  }
})

test('as many threads serve as there are cores, unless a number is set', () => {
  const workersOf = (value?: string): unknown => {
    const read = readAgentSettings(value === undefined ? {} : { HEADGATE_WORKERS: value })
    return read.kind === 'ok' ? read.settings.workers : read.problems[0]
  }
  assert.equal(workersOf(), availableParallelism())
  assert.equal(workersOf('auto'), availableParallelism())
  assert.equal(workersOf('3'), 3)
  for (const value of ['many', '-1', '1.5', '1000', '']) assert.match(String(workersOf(value)), /HEADGATE_WORKERS/)
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { readControlPlaneSettings } from './config.ts'

const needed = {
  HEADGATE_DATABASE_URL: 'postgresql://user:hunter2@localhost/headgate',
  HEADGATE_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
}

function problems(env: Record<string, string>): readonly string[] {
  const read = readControlPlaneSettings(env)
  return read.kind === 'invalid' ? read.problems : []
}

test('a database and a master key are enough; everything else listens on loopback only', () => {
  const read = readControlPlaneSettings(needed)
  assert.ok(read.kind === 'ok')
  const { restListen, linkListen, publicUrl, tls } = read.settings
  assert.deepEqual(
    [restListen, linkListen],
    [
      { host: '127.0.0.1', port: 7600 },
      { host: '127.0.0.1', port: 7443 },
    ],
  )
  assert.deepEqual([publicUrl, tls], [undefined, undefined])
})

test('DATABASE_URL counts where HEADGATE_DATABASE_URL is not given', () => {
  const { HEADGATE_DATABASE_URL: url, ...rest } = needed
  const read = readControlPlaneSettings({ ...rest, DATABASE_URL: url })
  assert.equal(read.kind === 'ok' && read.settings.databaseUrl, url)
})

test('nothing that is shown of the settings holds a password or the master key', () => {
  const read = readControlPlaneSettings(needed)
  const shown = JSON.stringify(read.kind === 'ok' ? read.sources : [])
  for (const secret of ['hunter2', needed.HEADGATE_MASTER_KEY]) assert.equal(shown.includes(secret), false)
})

test('everything that is wrong is said at once', () => {
  assert.deepEqual(
    problems({
      HEADGATE_DATABASE_URL: 'mysql://localhost',
      HEADGATE_MASTER_KEY: 'short',
      HEADGATE_REST_LISTEN: 'off',
      HEADGATE_PUBLIC_URL: 'http://headgate.example.com/path',
      HEADGATE_LINK_ADDRESS: 'nowhere',
      HEADGATE_TLS_CERT: '/cert.pem',
    }).map((problem) => problem.split(/[ =]/)[0]),
    [
      'HEADGATE_MASTER_KEY',
      'HEADGATE_DATABASE_URL',
      'HEADGATE_REST_LISTEN',
      'HEADGATE_PUBLIC_URL',
      'HEADGATE_LINK_ADDRESS',
      'HEADGATE_TLS_CERT',
    ],
  )
})

test('a problem with a secret setting does not repeat the secret', () => {
  assert.equal(
    problems({ ...needed, HEADGATE_MASTER_KEY: 'hunter3' })
      .join(' ')
      .includes('hunter3'),
    false,
  )
  assert.equal(
    problems({ ...needed, HEADGATE_DATABASE_URL: 'mysql://u:hunter4@h' })
      .join(' ')
      .includes('hunter4'),
    false,
  )
})

test('a misspelt name is an error that names the right one; names of the command line are none', () => {
  assert.match(problems({ ...needed, HEADGATE_REST_LISTN: 'x' }).join(), /did you mean HEADGATE_REST_LISTEN/)
  assert.deepEqual(problems({ ...needed, HEADGATE_TOKEN: 'x', HEADGATE_URL: 'y' }), [])
})

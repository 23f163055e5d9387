import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

test('an agent is alive at once, ready with its first release, and tells its counters', async () => {
  await using agent = await startAgent({ settings: { adminListen: LOOPBACK } })
  const get = async (path: string, method = 'GET') => await fetch(`${agent.app.adminUrl}${path}`, { method })
  assert.equal((await get('/livez')).status, 200)
  assert.equal((await get('/readyz')).status, 503)
  setRelease(agent.app.live, openRelease('http://127.0.0.1:9'))
  assert.equal((await get('/readyz')).status, 200)
  const metrics = await get('/metrics')
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.match(await metrics.text(), /^headgate_release_number\{.*\} 1$/m)
  assert.equal((await get('/')).status, 404)
  assert.equal((await get('/metrics', 'POST')).status, 405)
})

test('nothing is served for watchers unless it was asked for', async () => {
  await using agent = await startAgent()
  assert.equal(agent.app.adminUrl, null)
})

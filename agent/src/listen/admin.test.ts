import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAgentSettings } from '#agent/config.ts'
import { directoryOf, keyedRelease, openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'

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

test('/state says what is live, who serves and how it is set, and no secret', async () => {
  const sources = readAgentSettings({
    HEADGATE_JOIN_TOKEN: 'hgj_planted',
    HEADGATE_OTLP_ENDPOINT: 'http://planted:planted@127.0.0.1:4317',
  })
  assert.ok(sources.kind === 'ok')
  await using agent = await startAgent({
    settings: { adminListen: LOOPBACK },
    sources: sources.sources,
    objects: keyedRelease('http://127.0.0.1:9'),
    directory: directoryOf(['abc']),
  })
  const text = await (await fetch(`${agent.app.adminUrl}/state`)).text()
  assert.ok(!text.includes('planted'))
  const state = JSON.parse(text)
  const [environment] = state.environments
  assert.deepEqual(
    [environment.release, environment.directory.sequence, environment.directory.api_keys, environment.routes],
    [1, '1', 1, 1],
  )
  assert.equal(state.workers[0].state, 'serving')
  assert.equal(state.listening.http, agent.http)
  assert.ok(
    state.settings.some(
      ({ name, source }: { name: string; source: string }) =>
        name === 'HEADGATE_JOIN_TOKEN' && source === 'environment',
    ),
  )
})

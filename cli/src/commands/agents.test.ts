import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headgate } from '#cli/fakes/headgate.ts'

test('agents invite prints the one line alone, and makes a group that serves the current environment', async () => {
  const group = {
    id: 'grp_01',
    name: 'us-east',
    region: 'us-east',
    environments: [],
    agents: 0,
    created_at: '2026-01-02T03:04:05.678Z',
  }
  const { code, stdout, stderr, api } = await headgate(['agents', 'invite', '--region', 'us-east'], {
    createAgentGroup: () => group,
    createJoinToken: () => ({ id: 'jt_01', group: 'us-east', expires_at: '2026-01-02T03:04:05.678Z', token: 'hgj_x' }),
  })
  assert.deepEqual([code, stdout], [0, 'HEADGATE_JOIN_TOKEN=hgj_x npx headgate agent\n'], stderr)
  assert.match(stderr, /agent group us-east, region us-east, serves default\/dev/)
  const made = api.calls.find(({ operation }) => operation === 'createAgentGroup')?.body
  assert.deepEqual(made, {
    name: 'us-east',
    region: 'us-east',
    environments: [{ tenant: 'default', environment: 'dev' }],
  })
})

/**
 * `export`, `validate`, `diff`, `apply` and `rollback`: from a file to the agents.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Handlers, Refused } from '#cli/fakes/admin-api.ts'
import { headgate } from '#cli/fakes/headgate.ts'
import { applied, publishing } from '#cli/fakes/publishing.ts'
import * as samples from '#cli/fakes/samples.ts'

const FILE = 'kind: route\nname: billing\nspec:\n  service: billing\n  path: /billing\n'
const files = { 'headgate.yaml': FILE }

test('export gives the same bytes for the same draft, in the order of the schema', async () => {
  const objects = [{ kind: 'route', name: 'billing', spec: { path: '/billing', service: 'billing' } }]
  const { stdout } = await headgate(['export'], { exportObjects: () => ({ draft_revision: 7, objects }) })
  assert.equal(stdout, FILE)
})

test('diff ends with 2 when the file differs, and with 0 when it does not', async () => {
  const differs = await headgate(['diff'], { applyObjects: () => applied }, { files })
  assert.deepEqual([differs.code, differs.stdout], [2, '+ route/billing\n'])
  const same = await headgate(['diff'], { applyObjects: () => ({ ...applied, changes: [] }) }, { files })
  assert.deepEqual([same.code, same.stdout], [0, ''])
})

test('diff never changes anything', async () => {
  const { api } = await headgate(['diff'], { applyObjects: () => applied }, { files })
  assert.deepEqual(
    api.calls.map(({ operation, query }) => [operation, query]),
    [['applyObjects', { dry_run: true }]],
  )
})

test('apply writes, publishes, and shows the agents act on it', async () => {
  const { code, stderr, api } = await headgate(['apply', '--comment', 'bills'], publishing, { files })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\+ route\/billing\n {2}1 added\n {2}local-1 {2}live\n {2}r2 is live on 1 of 1/)
  const [first, second, third] = api.calls.filter(({ operation }) => /apply|publish/.test(operation))
  assert.deepEqual([first?.query, second?.query], [{ dry_run: true }, { dry_run: false }])
  const body = second?.body as { base_revision: number; prune: boolean; objects: { origin: string }[] }
  assert.deepEqual([body.base_revision, body.prune, body.objects[0]?.origin], [7, false, 'headgate.yaml:1'])
  assert.deepEqual(third?.body, { comment: 'bills', base_revision: 8 })
})

test('apply is a failure with the reason when an agent refuses the release', async () => {
  const delivery = {
    ...samples.release.deliveries[0],
    agent: 'eu-2',
    group: 'eu',
    region: 'eu',
    state: 'refused' as const,
    release_number: 1,
    reasons: ['unknown kind quota'],
  }
  const { code, stderr } = await headgate(
    ['apply'],
    { ...publishing, getRelease: () => ({ ...samples.release, deliveries: [delivery] }) },
    { files },
  )
  assert.equal(code, 1)
  assert.match(stderr, /eu-2 {2}unknown kind quota/)
})

// A file that lost half of its content must not take half of the configuration with it.
test('apply --prune removes nothing without --yes where nobody can be asked', async () => {
  const removed = { ...samples.addedRoute, change: 'removed' as const, name: 'old' }
  const handlers = { ...publishing, applyObjects: () => ({ ...applied, changes: [removed] }) }
  const { code, stderr, api } = await headgate(['apply', '--prune'], handlers, { files })
  assert.equal(code, 3)
  assert.match(stderr, /this would delete 1 object \(route\/old\)/)
  assert.ok(api.calls.every(({ operation, query }) => operation !== 'applyObjects' || query['dry_run'] === true))
  assert.equal((await headgate(['apply', '--prune', '--yes'], handlers, { files })).code, 0)
})

test('apply names what is in the draft but not in the file, and leaves it', async () => {
  const handlers = { ...publishing, applyObjects: () => ({ ...applied, unlisted: ['route/old'] }) }
  const { stderr } = await headgate(['apply'], handlers, { files })
  assert.match(stderr, /they stay, unless with --prune\): route\/old/)
})

test('a finding is told with the line of the file it comes from', async () => {
  const finding = {
    code: 'reference_dangling',
    severity: 'error' as const,
    object: 'route/billing',
    origin: '',
    pointer: '/service',
    message: 'there is no service billing',
    fix: 'Write it',
  }
  const { code, stderr, api } = await headgate(
    ['apply'],
    { ...publishing, applyObjects: () => ({ ...applied, findings: [finding] }) },
    { files },
  )
  assert.equal(code, 1)
  assert.match(stderr, /error headgate\.yaml:4 route\/billing\/service {2}there is no service billing/)
  assert.deepEqual(
    api.calls.map(({ operation }) => operation),
    ['getEnvironment', 'applyObjects'],
  )
})

test('a refused release is told with the lines of the file', async () => {
  const refused = new Refused('release_refused', undefined, [
    {
      pointer: '/route/billing/spec/path',
      code: 'route_conflict',
      message: 'route other serves it',
      fix: 'Take another path',
    },
  ])
  const { code, stderr } = await headgate(['apply'], { ...publishing, publishRelease: () => refused }, { files })
  assert.equal(code, 1)
  assert.match(
    stderr,
    /headgate\.yaml:5 \/route\/billing\/spec\/path {2}route other serves it\n {4}fix Take another path/,
  )
})

test('5 when the draft moved on in between', async () => {
  const handlers: Handlers = { ...publishing, publishRelease: () => new Refused('revision_stale') }
  assert.equal((await headgate(['apply'], handlers, { files })).code, 5)
})

test('validate reads standard input and tells every mistake at once', async () => {
  const { code, stderr, api } = await headgate(
    ['validate', '-f', '-'],
    {},
    { input: 'kind: a\nname: a\nspec: {}\n---\nname: b\n' },
  )
  assert.equal(code, 1)
  assert.match(stderr, /error: stdin: \d mistakes\n {2}stdin:1 {2}kind: [^\n]*\n {2}stdin:5 /)
  assert.equal(api.calls.length, 0)
})

test('rollback follows the new release to the agents', async () => {
  const { code, stderr, api } = await headgate(['rollback', 'r1'], {
    rollbackRelease: () => ({ ...samples.release, rollback_of: 1, changes: [samples.addedRoute], findings: [] }),
    getRelease: () => samples.release,
  })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /r2 is live on 1 of 1/)
  assert.equal(api.calls[0]?.params['number'], 'r1')
})

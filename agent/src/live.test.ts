import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { type CompiledRelease, compile } from '@headgate/core'
import { DirectorySchema } from '@headgate/proto'
import { createLive } from './live.ts'

function release(hosts: readonly string[], number = 1): CompiledRelease {
  const compiled = compile({
    tenant: 'acme',
    environment: 'production',
    number,
    objects: [
      { kind: 'service', name: 'shop', spec: { owner: 'team', targets: [{ url: 'http://127.0.0.1:9' }] }, origin: '' },
      { kind: 'route', name: 'all', spec: { service: 'shop', path: '/', match: 'prefix', hosts }, origin: '' },
    ],
  })
  if (compiled.kind === 'refused') throw new Error(JSON.stringify(compiled.findings))
  return compiled.release
}

test('an exact host comes before a wildcard, and both before every host', () => {
  const live = createLive()
  live.setRelease('env_any', release([]), 1)
  live.setRelease('env_wild', release(['*.example.com']), 1)
  live.setRelease('env_exact', release(['api.example.com']), 1)
  const at = (host: string): string | undefined => live.forHost(host)?.id
  assert.equal(at('api.example.com'), 'env_exact')
  assert.equal(at('www.example.com'), 'env_wild')
  assert.equal(at('a.b.example.com'), 'env_any')
  assert.equal(at('example.com'), 'env_any')
  assert.equal(at('localhost'), 'env_any')
})

test('without an environment for every host, an unknown host has none', () => {
  const live = createLive()
  assert.equal(live.forHost('api.example.com'), null)
  live.setRelease('env_1', release(['api.example.com']), 1)
  assert.equal(live.forHost('other.example.com'), null)
})

test('whatever the order of arrival, the same environment answers for a host that two have', () => {
  for (const order of [
    ['env_1', 'env_2'],
    ['env_2', 'env_1'],
  ]) {
    const live = createLive()
    for (const id of order) live.setRelease(id, release([]), 1)
    assert.equal(live.forHost('x')?.id, 'env_1')
  }
})

test('a new release takes the place of the old one, and listeners hear of it once', () => {
  const live = createLive()
  let heard = 0
  const stop = live.onChange(() => (heard += 1))
  live.setRelease('env_1', release(['a.example.com']), 1)
  live.setRelease('env_1', release(['b.example.com']), 2)
  assert.equal(live.forHost('a.example.com'), null)
  assert.equal(live.forHost('b.example.com')?.number, 2)
  assert.equal(heard, 2)
  stop()
  live.remove('env_1')
  assert.equal(heard, 2)
  assert.equal(live.forHost('b.example.com'), null)
})

test('a directory that comes before its release is there when that arrives', () => {
  const live = createLive()
  live.directory('env_1').replace(create(DirectorySchema, { environmentId: 'env_1', sequence: 4n }))
  assert.deepEqual(live.held(), [{ environmentId: 'env_1', releaseNumber: 0, directorySequence: 4n }])
  live.setRelease('env_1', release([]), 9)
  assert.equal(live.forHost('x')?.directory.known, true)
  assert.equal(live.directory('env_1').sequence, 4n)
  assert.deepEqual(live.held(), [{ environmentId: 'env_1', releaseNumber: 9, directorySequence: 4n }])
  live.remove('env_1')
  assert.deepEqual(live.held(), [])
})

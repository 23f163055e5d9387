import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSpec } from './spec.ts'
import type { Kind } from '#core/kinds/index.ts'

const problems = (kind: Kind, spec: unknown): readonly string[] => {
  const checked = checkSpec(kind, spec)
  return checked.kind === 'valid' ? [] : checked.problems.map(({ code, pointer, fix }) => `${code} ${pointer} ${fix}`)
}

test('defaults are filled in', () => {
  const checked = checkSpec('route', { service: 'shop', path: '/a' })
  assert.deepEqual(checked, {
    kind: 'valid',
    spec: {
      service: 'shop',
      path: '/a',
      exposure: 'internal',
      hosts: [],
      methods: [],
      match: 'exact',
      websocket: false,
      trailers: false,
    },
  })
})

test('a missing field is called missing', () => {
  assert.deepEqual(problems('route', { service: 'shop' }), ['field_missing /path Add it: give a string'])
})

test('an unknown field is named, also one that JavaScript knows', () => {
  const spec: unknown = JSON.parse('{"service":"shop","path":"/a","__proto__":{},"constructor":1}')
  assert.deepEqual(
    problems('route', spec).map((problem) => problem.split(' ').slice(0, 2).join(' ')),
    ['field_unknown /__proto__', 'field_unknown /constructor'],
  )
})

test('an unknown value is answered with those that exist', () => {
  assert.deepEqual(problems('route', { service: 'shop', path: '/a', match: 'regex' }), [
    'value_unknown /match Use exact, prefix',
  ])
  assert.deepEqual(problems('policy', { type: 'shield' }), ['value_unknown /type Use access, limit, https, size'])
})

test('a place that is none is answered with the forms of one', () => {
  const spec = { type: 'limit', on: { planet: 'mars' }, requests: 1, window_ms: 1000 }
  assert.deepEqual(problems('policy', spec), [
    'spec_invalid /on Give environment: true, or the name of one service or route',
  ])
})

test('a spec that is no object is told as a whole', () => {
  for (const spec of [null, undefined, 1, 'x', []]) {
    assert.deepEqual(problems('service', spec), ['spec_invalid  Give an object'])
  }
})

test('no answer repeats a whole value', () => {
  const secret = 'hunter2'
  const specs = { owner: 1, targets: [{ url: `https://user:${secret}@host` }], data_label: secret }
  assert.doesNotMatch(problems('service', specs).join('\n'), /hunter2/)
  const key = { hosts: ['a'], chain: '-----BEGIN CERTIFICATE-----', key: `plain-${secret}` }
  assert.doesNotMatch(problems('certificate', key).join('\n'), /hunter2/)
})

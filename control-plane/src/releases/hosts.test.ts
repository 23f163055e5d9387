import assert from 'node:assert/strict'
import test from 'node:test'
import { sharedHost } from './hosts.ts'

for (const [mine, theirs, shared] of [
  [['a.com'], ['b.com'], null],
  [['a.com'], ['a.com'], 'a.com'],
  [['x.com', 'a.com'], ['a.com'], 'a.com'],
  [['a.com'], ['*'], 'a.com'],
  [['*'], ['a.com'], '*'],
  [['*'], ['*'], '*'],
  [['*.a.com'], ['b.a.com'], '*.a.com'],
  [['b.a.com'], ['*.a.com'], 'b.a.com'],
  [['*.a.com'], ['*.a.com'], '*.a.com'],
  // A wildcard stands for exactly one label.
  [['c.b.a.com'], ['*.a.com'], null],
  [['*.b.a.com'], ['*.a.com'], null],
  [['a.com'], ['*.a.com'], null],
  [['b.a.com'], ['c.a.com'], null],
  [['*.com'], ['a.com'], '*.com'],
  [[], ['*'], null],
  [['*'], [], null],
] as const) {
  test(`${mine.join(' ') || 'nothing'} and ${theirs.join(' ') || 'nothing'} ${shared === null ? 'share no host' : `share ${shared}`}`, () => {
    assert.equal(sharedHost(mine, theirs), shared)
    assert.equal(sharedHost(theirs, mine) === null, shared === null)
  })
}

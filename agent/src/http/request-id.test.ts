import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isId, newId } from '@headgate/kit/ids.ts'
import { createRequestIds } from './request-id.ts'

test('ids have the form of every id, sort by time, and do not repeat', () => {
  const next = createRequestIds()
  const ids = Array.from({ length: 10_000 }, (_, index) => next(1_800_000_000_000 + index))
  for (const id of ids) assert.ok(isId('req', id), id)
  assert.deepEqual(ids.toSorted(), ids)
  assert.equal(new Set(ids.map((id) => id.slice(-16))).size, ids.length)
})

test('the time in an id is that of every id made at that time', () => {
  const next = createRequestIds()
  for (const nowMs of [0, 1, 31, 32, 1_800_000_000_000.7, 2 ** 48 - 1]) {
    assert.equal(next(nowMs).slice(4, 14), newId('x', nowMs).slice(2, 12))
  }
})

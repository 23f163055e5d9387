/**
 * @module
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { median, tableText } from './report.ts'

test('the median is the middle of the sorted values, and between the two of an even number', () => {
  assert.equal(median([10, 9, 100]), 10)
  assert.equal(median([4, 1, 100, 2]), 3)
  assert.throws(() => median([]), RangeError)
})

test('a table is Markdown with figures on the right', () => {
  assert.equal(tableText(['proxy', 'µs'], [['a', 1.5]]), '| proxy |  µs |\n| ----- | --: |\n| a     | 1.5 |')
})

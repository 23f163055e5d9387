import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdmissionSeats, columnsFor } from './admission-seats.ts'
import { AdmissionTable, createAdmissionMemory } from './admission-table.ts'

test('no two threads count in one column, and one that is gone leaves nothing behind for the next', () => {
  const memory = createAdmissionMemory(100, columnsFor(2))
  const seats = new AdmissionSeats(memory)
  const taken = [seats.take(), seats.take(), seats.take(), seats.take()]
  assert.equal(new Set(taken.map(({ thread }) => thread)).size, 4)
  const [first, second] = taken
  assert.ok(first !== undefined && second !== undefined)
  new AdmissionTable(memory, first.thread).enter('a', 10)
  const other = new AdmissionTable(memory, second.thread)
  other.enter('a', 10)
  seats.giveBack(first)
  assert.equal(other.countOf('a'), 1)
  assert.equal(seats.take().thread, first.thread)
})

test('threads beyond all expectation are counted too, and clear nothing of each other', () => {
  const memory = createAdmissionMemory(100, columnsFor(1))
  const seats = new AdmissionSeats(memory)
  const [, , third, fourth] = [seats.take(), seats.take(), seats.take(), seats.take()]
  assert.ok(third !== undefined && fourth !== undefined)
  assert.equal(third.thread, fourth.thread)
  const table = new AdmissionTable(memory, fourth.thread)
  table.enter('a', 10)
  seats.giveBack(third)
  assert.equal(table.countOf('a'), 1)
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { EMPTY_PART, afterOutcome, isAhead, isHeldValid, planPush } from './plan.ts'

const wanted = { releaseNumber: 7, directorySequence: 40n }
const upToDate = { ...EMPTY_PART, releaseNumber: 7, directorySequence: 40n }

test('an agent that holds everything is sent nothing', () => {
  assert.deepEqual(planPush(upToDate, wanted), { kind: 'nothing' })
})

test('a new agent is sent the whole directory before the release, so that no known caller is refused', () => {
  assert.deepEqual(planPush(EMPTY_PART, wanted), { kind: 'directory' })
  assert.deepEqual(planPush({ ...EMPTY_PART, directorySequence: 40n }, wanted), { kind: 'release', number: 7 })
})

test('an empty directory is sent once, and the first change to it as a difference', () => {
  const empty = { releaseNumber: 0, directorySequence: 0n }
  assert.deepEqual(planPush(EMPTY_PART, empty), { kind: 'directory' })
  const known = { ...EMPTY_PART, sentSequence: 0n }
  assert.deepEqual(planPush(known, empty), { kind: 'nothing' })
  assert.deepEqual(planPush(known, { ...empty, directorySequence: 1n }), { kind: 'directory_delta', fromSequence: 0n })
})

test('an agent that is behind in the directory is sent the difference', () => {
  assert.deepEqual(planPush({ ...upToDate, directorySequence: 39n }, wanted), {
    kind: 'directory_delta',
    fromSequence: 39n,
  })
})

test('an agent that is ahead of the database in the directory is sent the whole of it', () => {
  assert.deepEqual(planPush({ ...upToDate, directorySequence: 41n }, wanted), { kind: 'directory' })
})

// Reading a delta is later than seeing that there is one, so it may bring more than was asked for.
test('an agent that was sent more than was asked for is not taken for one that is ahead', () => {
  const part = { ...upToDate, directorySequence: 41n, sentSequence: 41n }
  assert.deepEqual(planPush(part, wanted), { kind: 'nothing' })
})

test('an agent that refused a delta is sent the whole directory, even when the sequences agree', () => {
  assert.deepEqual(planPush({ ...upToDate, directorySequence: 39n, wholeDirectory: true }, wanted), {
    kind: 'directory',
  })
  assert.deepEqual(planPush({ ...upToDate, wholeDirectory: true }, wanted), { kind: 'directory' })
})

test('a whole directory that was refused is not sent again before it changed, and does not hold up releases', () => {
  const part = { ...EMPTY_PART, refusedDirectory: 40n }
  assert.deepEqual(planPush(part, wanted), { kind: 'release', number: 7 })
  assert.deepEqual(planPush(part, { ...wanted, directorySequence: 41n }), { kind: 'directory' })
})

test('a release that was refused is not sent again, and the next one is', () => {
  const part = { ...upToDate, releaseNumber: 6, refusedRelease: 7 }
  assert.deepEqual(planPush(part, wanted), { kind: 'nothing' })
  assert.deepEqual(planPush(part, { ...wanted, releaseNumber: 8 }), { kind: 'release', number: 8 })
})

test('an agent that holds a higher release than the database is named as ahead and sent no release', () => {
  const part = { ...upToDate, releaseNumber: 9 }
  assert.equal(isAhead(part, wanted), true)
  assert.deepEqual(planPush(part, wanted), { kind: 'nothing' })
})

// Without this a broken agent would be sent the same release for ever.
test('a push that was accepted and did not take effect counts as refused', () => {
  const release = afterOutcome({ ...upToDate, releaseNumber: 6 }, { kind: 'release', value: 7n })
  assert.equal(release.refused, true)
  assert.deepEqual(planPush(release.part, wanted), { kind: 'nothing' })
  const delta = afterOutcome({ ...upToDate, directorySequence: 39n }, { kind: 'directory_delta', value: 40n })
  assert.deepEqual(planPush(delta.part, wanted), { kind: 'directory' })
  const directory = afterOutcome(delta.part, { kind: 'directory', value: 40n })
  assert.deepEqual(planPush(directory.part, wanted), { kind: 'nothing' })
})

test('a later release that was accepted clears the refusal of the earlier one', () => {
  const part = { ...upToDate, releaseNumber: 8, refusedRelease: 7 }
  assert.equal(afterOutcome(part, { kind: 'release', value: 8n }).part.refusedRelease, 0)
})

test('numbers that the database cannot hold are not taken from an agent', () => {
  assert.equal(isHeldValid({ releaseNumber: 2n ** 31n, directorySequence: 0n }), false)
  assert.equal(isHeldValid({ releaseNumber: 0n, directorySequence: 2n ** 63n }), false)
  assert.equal(isHeldValid({ releaseNumber: 2n ** 31n - 1n, directorySequence: 2n ** 63n - 1n }), true)
})

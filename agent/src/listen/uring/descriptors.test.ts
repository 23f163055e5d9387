/**
 * What a thread that is gone has left open.
 */
import assert from 'node:assert/strict'
import { fstatSync, openSync } from 'node:fs'
import { test } from 'node:test'
import {
  createDescriptors,
  crossOutDescriptor,
  crossOutMapping,
  noteDescriptor,
  noteMapping,
  takeNoted,
} from './descriptors.ts'
import { closeAfter } from './native.ts'
import { whyNoRing } from './testing/ring-here.ts'

const skip = await whyNoRing()

test('what is noted is closed, and nothing else', { skip }, async () => {
  const noted = createDescriptors()
  const [left, kept, never] = [openSync('/dev/null', 'r'), openSync('/dev/null', 'r'), openSync('/dev/null', 'r')]
  noteDescriptor(noted, left)
  noteDescriptor(noted, kept)
  crossOutDescriptor(noted, kept)
  await closeAfter(noted)
  assert.throws(() => fstatSync(left), /EBADF/)
  for (const fd of [kept, never]) {
    fstatSync(fd)
    noteDescriptor(noted, fd)
  }
  await closeAfter(noted)
  assert.throws(() => fstatSync(never), /EBADF/)
})

test('mappings are given back as they were noted, once', () => {
  const noted = createDescriptors()
  const mappings = [0x7f12_8000_0000n, 0x7fff_ffff_f000n, 0x1000n].map((address) => ({ address, length: 4_096 }))
  for (const mapping of mappings) noteMapping(noted, mapping)
  const [first, second, third] = mappings
  if (first === undefined || second === undefined) return
  crossOutMapping(noted, second)
  assert.deepEqual(takeNoted(noted).mappings, [first, third])
  assert.deepEqual(takeNoted(noted), { fds: [], mappings: [] })
})
